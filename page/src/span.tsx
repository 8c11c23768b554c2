/** One span as a person reads it: chat, tool call and result, documents, errors, figures; then its attributes. */
import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";
import { clock, duration, money, plural, text } from "./format";
import { JsonView, LongText } from "./json";
import type { TreeNode } from "./model";
import type { Content, Document, Message, Part, Score } from "./types";

export function SpanView({ node, traceId }: { node: TreeNode; traceId: string }) {
  const [tab, setTab] = useState("content");
  const { span, gateway } = node;
  const tabs = ["content", "attributes", ...(span.events.length ? ["events"] : []), ...(gateway ? ["gateway"] : [])];
  return (
    <section class="span" aria-label={`span ${span.name}`}>
      <header>
        <h2>
          <Kind kind={span.kind} /> {span.name}
        </h2>
        <p class="figures">
          {duration((span.end_ns - span.start_ns) / 1e9)}
          {span.first_token !== null && <span> · first token {duration(span.first_token)}</span>}
          {span.model && <span> · {span.model}</span>}
          {span.input_tokens !== null && (
            <span>
              {" "}
              · {span.input_tokens.toLocaleString("en")} → {(span.output_tokens ?? 0).toLocaleString("en")} tokens
            </span>
          )}
          {span.cost !== null && <span> · {money(span.cost)}</span>}
          {span.ending && <span class="badge">{span.ending}</span>}
          <span> · {clock(span.start_ns)}</span>
        </p>
        <nav class="tabs" role="tablist">
          {tabs.map((name) => (
            <button key={name} role="tab" aria-selected={tab === name} onClick={() => setTab(name)}>
              {name}
            </button>
          ))}
          <CopyButton label="copy as JSON" value={() => JSON.stringify(span, null, 2)} />
          <CopyButton label="copy link" value={() => `${location.href.split("#")[0]}#/trace/${traceId}/${span.span_id}`} />
        </nav>
      </header>
      {tab === "content" && <SpanContent node={node} />}
      {tab === "attributes" && <JsonView value={span.attributes} open={1} />}
      {tab === "events" && <JsonView value={span.events} open={3} />}
      {tab === "gateway" && gateway && (
        <div>
          <p class="dim">The same model call, as the gateway saw it: {gateway.name}.</p>
          <JsonView value={gateway.attributes} open={1} />
        </div>
      )}
    </section>
  );
}

const MANY = 4; // messages, beyond which the answer is out of sight

function SpanContent({ node }: { node: TreeNode }) {
  const { span } = node;
  const own = span.content;
  const content = node.gateway && !own.input_messages && !own.output_messages ? { ...node.gateway.content, ...own } : own;
  const chat = (content.input_messages?.length ?? 0) + (content.output_messages?.length ?? 0) > 0;
  const answer = useRef<HTMLDivElement>(null);
  return (
    <div class="content">
      {span.error && <Errors error={span.error} exceptions={content.exceptions ?? []} />}
      {content.truncated && <Cut names={content.truncated} lengths={content.cut ?? {}} />}
      {content.scores && <Scores scores={content.scores} />}
      {content.description && <p class="dim">{content.description}</p>}
      {content.query !== undefined && (
        <Block title="Query">
          <LongText text={text(content.query)} />
        </Block>
      )}
      {chat && (
        <div class="chat">
          {(content.input_messages?.length ?? 0) > MANY && (content.output_messages?.length ?? 0) > 0 && (
            <button class="link to-answer" onClick={() => answer.current?.scrollIntoView({ block: "nearest" })}>
              ↓ answer, after {content.input_messages?.length} messages
            </button>
          )}
          {(content.input_messages ?? []).map((message, index) => (
            <MessageView key={`i${index}`} message={message} />
          ))}
          {(content.output_messages ?? []).map((message, index) => (
            <MessageView key={`o${index}`} message={message} answer />
          ))}
          <div ref={answer} />
        </div>
      )}
      {chat && span.kind !== "LLM" && (content.input !== undefined || content.output !== undefined) && (
        <Folded title="Input and output as data">
          <JsonView value={{ input: content.input, output: content.output }} open={1} />
        </Folded>
      )}
      {!chat && (content.input !== undefined || content.output !== undefined) && (
        <div class="sides">
          {content.input !== undefined && (
            <Block title={span.kind === "TOOL" ? "Arguments" : "Input"}>
              <Data value={content.input} />
            </Block>
          )}
          {content.output !== undefined && (
            <Block title={span.kind === "TOOL" ? "Result" : "Output"}>
              <Data value={content.output} />
            </Block>
          )}
        </div>
      )}
      {content.input_documents && <Documents title="Documents given" documents={content.input_documents} />}
      {content.documents && <Documents title="Documents" documents={content.documents} />}
      {content.template && (
        <Block title="Prompt template">
          <LongText text={content.template} />
        </Block>
      )}
      {content.variables !== undefined && (
        <Block title="Prompt variables">
          <JsonView value={content.variables} />
        </Block>
      )}
      {content.tools && (
        <Folded title={plural(content.tools.length, "tool")}>
          <JsonView value={content.tools} open={1} />
        </Folded>
      )}
      {content.parameters !== undefined && (
        <Folded title="Parameters">
          <JsonView value={content.parameters} />
        </Folded>
      )}
      {content.metadata && (
        <Folded title="Metadata">
          <JsonView value={content.metadata} />
        </Folded>
      )}
      {!Object.keys(content).length && <p class="dim">This span has no content: none was recorded, or privacy mode is on.</p>}
    </div>
  );
}

/** What is not whole: which attributes were cut, and how much of each is here. */
function Cut({ names, lengths }: { names: string[]; lengths: NonNullable<Content["cut"]> }) {
  return (
    <ul class="cut" aria-label="what was cut">
      {names.map((name) => (
        <li key={name}>
          <span class="badge">cut</span> {TITLES[name] ?? name}
          {lengths[name] && (
            <span>
              {": "}
              {lengths[name].shown.toLocaleString("en")} of {lengths[name].of.toLocaleString("en")} characters
            </span>
          )}
        </li>
      ))}
    </ul>
  );
}

const TITLES: Record<string, string> = {
  "input.value": "input",
  "output.value": "output",
  "span.input": "input",
  "span.output": "output",
  "gen_ai.input.messages": "messages given",
  "gen_ai.output.messages": "answer",
  "gen_ai.system_instructions": "instructions",
  "gen_ai.tool.call.arguments": "arguments",
  "gen_ai.tool.call.result": "result",
  "gen_ai.tool.definitions": "tools",
  "gen_ai.retrieval.documents": "documents",
  "llm.prompt_template.template": "prompt template",
  "llm.prompt_template.variables": "prompt variables",
};

function Data({ value }: { value: unknown }) {
  return typeof value === "string" ? <LongText text={value} /> : <JsonView value={value} open={3} />;
}

export function MessageView({ message, answer = false }: { message: Message; answer?: boolean }) {
  return (
    <article class={`message role-${/^[a-z]+$/.test(message.role) ? message.role : "other"}`} data-answer={answer || undefined}>
      <h3>
        {message.role}
        {message.name && <span class="dim"> {message.name}</span>}
        {message.finish_reason && <span class="badge">{message.finish_reason}</span>}
      </h3>
      {message.parts.map((part, index) => (
        <PartView key={index} part={part} />
      ))}
    </article>
  );
}

function PartView({ part }: { part: Part }) {
  switch (part.type) {
    case "text":
    case "refusal":
      return (
        <>
          <p class={part.type}>
            <LongText text={part.text} />
          </p>
          {part.sources?.map((source, index) => (
            <p key={index} class="dim">
              [{index + 1}] {source.title} {source.url}
            </p>
          ))}
        </>
      );
    case "reasoning":
      return (
        <Folded title="Reasoning">
          <LongText text={part.text} />
        </Folded>
      );
    case "tool_call":
      return (
        <div class="call">
          <span class="mono">→ {part.name}</span>
          <JsonView value={part.arguments ?? {}} />
        </div>
      );
    case "tool_result":
      return (
        <div class="call">
          <Data value={part.result} />
        </div>
      );
    case "media":
      return <Media part={part} />;
    default:
      return <JsonView value={part.data} open={1} />;
  }
}

/** Only what lies in the trace itself is shown; an address elsewhere is never asked for. */
function Media({ part }: { part: Extract<Part, { type: "media" }> }) {
  const url = part.url ?? "";
  if (/^data:image\/(png|jpeg|gif|webp);base64,/.test(url)) return <img class="media" src={url} alt={part.name ?? part.modality} />;
  if (/^data:audio\/[\w.+-]+;base64,/.test(url)) return <audio controls src={url} />;
  return (
    <p class="dim">
      {part.name ? `${part.modality} ${part.name}` : part.modality} {url.startsWith("data:") ? `(${Math.round((url.length * 3) / 4000)} kB)` : url}
    </p>
  );
}

function Documents({ title, documents }: { title: string; documents: Document[] }) {
  return (
    <Block title={`${title} (${documents.length})`}>
      <ol class="documents">
        {documents.slice(0, 200).map((document, index) => (
          <li key={index}>
            <p class="dim">
              {document.score !== undefined && <span class="badge">{Number(document.score).toFixed(3)}</span>} {document.id ?? ""}
            </p>
            {document.content && <LongText text={document.content} limit={800} />}
            {document.metadata !== undefined && <JsonView value={document.metadata} open={0} />}
          </li>
        ))}
      </ol>
    </Block>
  );
}

export function Scores({ scores, title = "Scores" }: { scores: Score[]; title?: string }) {
  return (
    <Block title={title}>
      {scores.map((score, index) => (
        <p key={index}>
          <strong>{score.name ?? "score"}</strong> {String(score.value ?? score.score ?? "")} {score.label ?? ""}{" "}
          <span class="dim">{score.explanation ?? ""}</span>
        </p>
      ))}
    </Block>
  );
}

function Errors(props: { error: string; exceptions: { type?: string; message?: string; stack?: string }[] }) {
  return (
    <div class="error" role="alert">
      <p>{props.error}</p>
      {props.exceptions.map((exception, index) =>
        exception.stack ? (
          <Folded key={index} title={`Stack of ${exception.type ?? "the error"}`}>
            <pre>{exception.stack}</pre>
          </Folded>
        ) : null,
      )}
    </div>
  );
}

export function Kind({ kind }: { kind: string }) {
  return <span class={`kind kind-${/^[A-Z_]+$/.test(kind) ? kind.toLowerCase() : "other"}`}>{kind}</span>;
}

function Block({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="block">
      <h3>{title}</h3>
      {children}
    </section>
  );
}

function Folded({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <details>
      <summary>{title}</summary>
      {children}
    </details>
  );
}

export function CopyButton({ label, value }: { label: string; value: () => string }) {
  const [copied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    await navigator.clipboard?.writeText(value());
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <button class="link" onClick={() => void copy()}>
      {copied ? "copied" : label}
    </button>
  );
}
