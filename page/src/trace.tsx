/** One trace: tree and timeline on the left, the selected span on the right. Only the rows in sight are drawn. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { getTrace } from "./data";
import { count, duration, money, plural } from "./format";
import { GraphView } from "./graph";
import { agentGraph, buildTree, isScore, scoreTexts, searchable, spansWith, totals, visibleRows, type TreeNode } from "./model";
import { go } from "./route";
import { CopyButton, Kind, SpanView } from "./span";
import type { Trace } from "./types";

const ROW_HEIGHT = 30;
const OVERSCAN = 12;

export function TracePage({ id, spanId }: { id: string; spanId: string | undefined }) {
  const [trace, setTrace] = useState<Trace | null>(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    setTrace(null);
    getTrace(id).then(setTrace, (error: unknown) => setProblem(error instanceof Error ? error.message : String(error)));
  }, [id]);
  if (problem) return <p class="error">{problem}</p>;
  return trace ? <TraceView trace={trace} spanId={spanId} /> : <p class="empty">Loading…</p>;
}

export function TraceView({ trace, spanId }: { trace: Trace; spanId: string | undefined }) {
  const roots = useMemo(() => buildTree(trace.spans), [trace]);
  const sums = useMemo(() => totals(trace.spans), [trace]);
  const graph = useMemo(() => agentGraph(trace.spans), [trace]);
  const [collapsed, setCollapsed] = useState<ReadonlySet<string>>(new Set());
  const [showGraph, setShowGraph] = useState(false);
  const rows = useMemo(() => visibleRows(roots, collapsed), [roots, collapsed]);
  const wanted = rows.find((node) => node.span.span_id === spanId || node.gateway?.span_id === spanId);
  const selected = wanted ?? rows[0];
  const [isOpen, setOpen] = useState(spanId !== undefined); // on a phone: whether the span covers the tree
  const [search, setSearch] = useState("");
  const searchBox = useRef<HTMLInputElement>(null);
  const texts = useMemo(() => (search ? searchable(trace.spans) : new Map<string, string>()), [trace, search !== ""]);
  const found = useMemo(() => spansWith(search, texts), [search, texts]);
  const folding = useMemo(() => rows.filter((node) => node.children.length > 0 && node.depth > 0), [rows]);

  const select = (node: TreeNode): void => {
    setOpen(true);
    go(`/trace/${trace.trace_id}/${node.span.span_id}`, true);
  };
  const toggle = (node: TreeNode, close = !collapsed.has(node.span.span_id)): void => {
    const next = new Set(collapsed);
    if (close) next.add(node.span.span_id);
    else next.delete(node.span.span_id);
    setCollapsed(next);
  };

  const matches = (node: TreeNode): boolean => found.has(node.span.span_id) || (node.gateway !== null && found.has(node.gateway.span_id));
  /** Select the next row, from the selected one on and around the end, for which *is* holds; -1 goes backwards. */
  const next = (is: (node: TreeNode) => boolean, step = 1): void => {
    const from = selected ? rows.indexOf(selected) : 0;
    for (let away = 1; away <= rows.length; away += 1) {
      const node = rows[(((from + step * away) % rows.length) + rows.length) % rows.length];
      if (node && is(node)) return select(node);
    }
  };

  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key === "/" && !(event.target instanceof HTMLInputElement)) {
        event.preventDefault();
        searchBox.current?.focus();
      }
      if (event.target instanceof HTMLInputElement || event.ctrlKey || event.metaKey || event.altKey || !selected) return;
      const index = rows.indexOf(selected);
      const to = (position: number): void => {
        const node = rows[Math.max(0, Math.min(rows.length - 1, position))];
        if (node) select(node);
        event.preventDefault();
      };
      if (event.key === "ArrowDown" || event.key === "j") to(index + 1);
      else if (event.key === "ArrowUp" || event.key === "k") to(index - 1);
      else if (event.key === "ArrowLeft" || event.key === "h") toggle(selected, true);
      else if (event.key === "ArrowRight" || event.key === "l") toggle(selected, false);
      else if (event.key === "Escape") isOpen ? setOpen(false) : go("/");
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  });

  const first = roots[0]?.span;
  if (!first || !selected) return <p class="empty">This trace has no spans.</p>;
  const session = trace.spans.find((span) => span.session_id)?.session_id;
  const user = trace.spans.find((span) => span.user)?.user;
  return (
    <main class={`trace ${isOpen ? "span-open" : ""}`}>
      <header class="trace-header">
        <h1>
          <span class={first.error ? "failed" : "ok"}>{first.error ? "✗" : "✓"}</span> {first.name}
          {sums.errors > 0 && (
            <button class="link failures" title="go to the next failed span" onClick={() => next((node) => node.span.error !== null)}>
              {sums.errors} failed
            </button>
          )}
        </h1>
        <p class="figures">
          {duration((sums.end - sums.start) / 1e9)} · {plural(trace.spans.length, "span")} · {plural(sums.llmCalls, "model call")} ·{" "}
          {plural(sums.toolCalls, "tool call")} · {count(sums.tokens)} tokens{sums.cost !== null && ` · ${money(sums.cost)}`}
          {user && ` · user ${user}`}
          {session && (
            <span>
              {" · session "}
              <a href={`#/session/${encodeURIComponent(session)}`}>{session}</a>
            </span>
          )}
        </p>
        <nav>
          <code>{trace.trace_id}</code>
          <CopyButton label="copy id" value={() => trace.trace_id} />
          <CopyButton label="copy as JSON" value={() => JSON.stringify(trace, null, 2)} />
          <CopyButton label="copy as curl" value={() => `curl '${location.origin}/api/traces/${trace.trace_id}'`} />
          {(folding.length > 0 || collapsed.size > 0) && (
            <button
              class="link"
              onClick={() => setCollapsed(collapsed.size ? new Set() : new Set(folding.map((node) => node.span.span_id)))}
            >
              {collapsed.size ? "open all" : "fold"}
            </button>
          )}
          {graph.nodes.length > 1 && (
            <button class="link" aria-pressed={showGraph} onClick={() => setShowGraph(!showGraph)}>
              {showGraph ? "hide graph" : "agent graph"}
            </button>
          )}
          <span class="find">
            <input
              ref={searchBox}
              type="search"
              aria-label="Find in this trace"
              placeholder="Find in this trace  ( / )"
              value={search}
              onInput={(event) => {
                setSearch(event.currentTarget.value);
                setCollapsed(new Set()); // what is found is seen
              }}
              onKeyDown={(event) => {
                if (event.key === "Enter") next(matches, event.shiftKey ? -1 : 1);
                if (event.key === "Escape") {
                  setSearch("");
                  event.currentTarget.blur();
                }
              }}
            />
            {search.trim() && <span class="dim"> {plural(found.size, "span")}, Enter goes on</span>}
          </span>
        </nav>
      </header>
      {showGraph && <GraphView graph={graph} choose={(id) => go(`/trace/${trace.trace_id}/${id}`, true)} />}
      <div class="columns">
        <Rows rows={rows} selected={selected} matches={search.trim() ? matches : null} collapsed={collapsed} select={select} toggle={toggle} start={sums.start} end={sums.end} />
        <div class="detail">
          <button class="link back" onClick={() => setOpen(false)}>
            ‹ tree
          </button>
          <SpanView key={selected.span.span_id} node={selected} traceId={trace.trace_id} />
        </div>
      </div>
    </main>
  );
}

interface RowsProps {
  rows: TreeNode[];
  selected: TreeNode;
  collapsed: ReadonlySet<string>;
  /** Whether a search found a row; null: there is no search. */
  matches: ((node: TreeNode) => boolean) | null;
  select: (node: TreeNode) => void;
  toggle: (node: TreeNode) => void;
  start: number;
  end: number;
}

function Rows(props: RowsProps) {
  const { rows, selected } = props;
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(800);
  useEffect(() => {
    const measure = (): void => setHeight(box.current?.clientHeight || 800);
    measure();
    addEventListener("resize", measure);
    return () => removeEventListener("resize", measure);
  }, []);
  useEffect(() => {
    const element = box.current;
    const at = rows.indexOf(selected) * ROW_HEIGHT;
    if (element && (at < element.scrollTop || at > element.scrollTop + element.clientHeight - ROW_HEIGHT)) {
      element.scrollTop = Math.max(0, at - element.clientHeight / 2);
    }
  }, [selected, rows]);
  const from = Math.max(0, Math.floor(top / ROW_HEIGHT) - OVERSCAN);
  const to = Math.min(rows.length, Math.ceil((top + height) / ROW_HEIGHT) + OVERSCAN);
  return (
    <div class="tree" role="tree" tabIndex={0} ref={box} onScroll={(event) => setTop(event.currentTarget.scrollTop)}>
      <div class="spacer" style={{ height: `${rows.length * ROW_HEIGHT}px` }}>
        {rows.slice(from, to).map((node, index) => (
          <TreeRow key={node.span.span_id} node={node} top={(from + index) * ROW_HEIGHT} {...props} />
        ))}
      </div>
    </div>
  );
}

function TreeRow(props: RowsProps & { node: TreeNode; top: number }) {
  const { node, selected, collapsed, matches, select, toggle, start, end } = props;
  const { span } = node;
  const whole = Math.max(1, end - start);
  const left = Math.min(100, ((span.start_ns - start) / whole) * 100); // a score may be later than the end
  const width = Math.max(0.4, ((span.end_ns - span.start_ns) / whole) * 100);
  const firstToken = span.first_token !== null ? ((span.first_token * 1e9) / whole) * 100 : null;
  return (
    <div
      class={`row ${node === selected ? "selected" : ""} ${span.error ? "failed" : ""} ${matches && !matches(node) ? "other" : ""}`}
      role="treeitem"
      aria-level={node.depth + 1}
      aria-selected={node === selected}
      style={{ top: `${props.top}px` }}
      onClick={() => select(node)}
    >
      <span class="label" style={{ paddingLeft: `${Math.min(node.depth, 24) * 14}px` }}>
        {node.children.length > 0 ? (
          <button
            class="fold"
            aria-label={collapsed.has(span.span_id) ? "open" : "close"}
            onClick={(event) => {
              event.stopPropagation();
              toggle(node);
            }}
          >
            {collapsed.has(span.span_id) ? "▸" : "▾"}
          </button>
        ) : (
          <span class="fold" />
        )}
        <Kind kind={span.kind} />
        <span class="row-name">
          {span.name}
          {node.gateway && <span class="badge">gateway</span>}
          {span.ending && <span class="badge">{span.ending}</span>}
          {scoreTexts(span).map((text, index) => (
            <span key={index} class="badge score">
              {text}
            </span>
          ))}
        </span>
      </span>
      <span class="row-figures">
        {span.input_tokens !== null && <span class="dim">{count((span.input_tokens ?? 0) + (span.output_tokens ?? 0))} tok</span>}
        {span.cost !== null && <span class="dim">{money(span.cost)}</span>}
        {!isScore(span) && <span>{duration((span.end_ns - span.start_ns) / 1e9)}</span>}
      </span>
      <span class="bar">
        {!isScore(span) && <span class={`fill kind-${/^[A-Z_]+$/.test(span.kind) ? span.kind.toLowerCase() : "other"}`} style={{ left: `${left}%`, width: `${Math.min(width, 100 - left)}%` }} />}
        {firstToken !== null && <span class="first-token" style={{ left: `${Math.min(99.5, left + firstToken)}%` }} />}
      </span>
    </div>
  );
}
