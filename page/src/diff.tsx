/** Two traces side by side: sums, calls that were added and removed, what changed in the others. */
import { useEffect, useState } from "preact/hooks";
import { getDiff } from "./data";
import { count, duration, money } from "./format";
import { Kind } from "./span";
import type { Diff, DiffSide } from "./types";
import { JsonView } from "./json";

const SUMS: [keyof DiffSide, string, (value: number | null) => string][] = [
  ["seconds", "duration", (value) => duration(value ?? 0)],
  ["cost", "cost", money],
  ["input_tokens", "input tokens", (value) => count(value ?? 0)],
  ["output_tokens", "output tokens", (value) => count(value ?? 0)],
  ["llm_calls", "model calls", (value) => count(value ?? 0)],
  ["tool_calls", "tool calls", (value) => count(value ?? 0)],
  ["spans", "spans", (value) => count(value ?? 0)],
  ["errors", "errors", (value) => count(value ?? 0)],
];

export function DiffPage({ a, b }: { a: string; b: string }) {
  const [diff, setDiff] = useState<Diff | null>(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    getDiff(a, b).then(setDiff, (error: unknown) => setProblem(error instanceof Error ? error.message : String(error)));
  }, [a, b]);
  if (problem) return <p class="error">{problem}</p>;
  return diff ? <DiffView diff={diff} a={a} b={b} /> : <p class="empty">Loading…</p>;
}

export function DiffView({ diff, a, b }: { diff: Diff; a: string; b: string }) {
  const { before, after } = diff.totals;
  return (
    <main class="diff">
      <header class="trace-header">
        <h1>{diff.equal ? "No difference in calls or content" : "What differs"}</h1>
      </header>
      <table>
        <thead>
          <tr>
            <th />
            <th>
              <a href={`#/trace/${a}`}>{a.slice(0, 8)}</a>
            </th>
            <th>
              <a href={`#/trace/${b}`}>{b.slice(0, 8)}</a>
            </th>
          </tr>
        </thead>
        <tbody>
          {SUMS.map(([name, label, show]) => (
            <tr key={name} class={before[name] === after[name] ? "" : "differs"}>
              <th>{label}</th>
              <td>{show(before[name])}</td>
              <td>{show(after[name])}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <Calls title="Only in the first" mark="−" calls={diff.removed} trace={a} />
      <Calls title="Only in the second" mark="+" calls={diff.added} trace={b} />
      {diff.changed.map((call) => (
        <section class="block" key={call.span_id}>
          <h3>
            <Kind kind={call.kind} /> <a href={`#/trace/${b}/${call.span_id}`}>{call.name}</a>
          </h3>
          {Object.entries(call.fields).map(([name, change]) => (
            <div key={name}>
              <h4>{name.replaceAll("_", " ")}</h4>
              {change.lines?.length ? <Lines lines={change.lines} /> : <JsonView value={{ before: change.before, after: change.after }} />}
            </div>
          ))}
        </section>
      ))}
    </main>
  );
}

function Lines({ lines }: { lines: string[] }) {
  return (
    <pre class="lines">
      {lines.map((line, index) => (
        <span key={index} class={line.startsWith("+") ? "added" : line.startsWith("-") ? "removed" : "same"}>
          {line + "\n"}
        </span>
      ))}
    </pre>
  );
}

function Calls(props: { title: string; mark: string; calls: Diff["added"]; trace: string }) {
  if (!props.calls.length) return null;
  return (
    <section class="block">
      <h3>
        {props.title} ({props.calls.length})
      </h3>
      <ul>
        {props.calls.map((call) => (
          <li key={call.span_id}>
            {props.mark} <Kind kind={call.kind} /> <a href={`#/trace/${props.trace}/${call.span_id}`}>{call.name}</a>{" "}
            <span class="dim">{call.path.slice(0, -1).join(" › ")}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
