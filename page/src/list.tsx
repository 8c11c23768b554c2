/** The list of traces: filters, live updates, two chosen for comparison. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { embedded, listen, listTraces } from "./data";
import { clock, count, duration, money, plural } from "./format";
import { go } from "./route";
import { NO_FILTERS, type Filters, type TraceRow } from "./types";

const FIELDS: [keyof Filters, string, string][] = [
  ["session", "session", "Session id"],
  ["user", "user", "User id"],
  ["name", "name", "Part of the name"],
  ["model", "model", "Part of a model's name"],
  ["slower", "slower than (s)", "Seconds"],
  ["since", "since", "15m, 2h, 3d or a date"],
];

export function TraceList({ initial }: { initial: Partial<Filters> }) {
  const [filters, setFilters] = useState<Filters>({ ...NO_FILTERS, ...initial });
  const [rows, setRows] = useState<TraceRow[] | null>(null);
  const [problem, setProblem] = useState("");
  const [chosen, setChosen] = useState<string[]>([]);
  const [limit, setLimit] = useState(100);
  const searchBox = useRef<HTMLInputElement>(null);

  const load = useCallback(() => {
    listTraces(filters, limit).then(
      (found) => {
        setRows(found);
        setProblem("");
      },
      (error: unknown) => setProblem(error instanceof Error ? error.message : String(error)),
    );
  }, [filters, limit]);

  useEffect(() => {
    const timer = setTimeout(load, 150);
    return () => clearTimeout(timer);
  }, [load]);
  useEffect(() => listen(load), [load]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key === "/" && !(event.target instanceof HTMLInputElement)) {
        event.preventDefault();
        searchBox.current?.focus();
      }
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);

  // From the state before, not from that of this drawing: two clicks may come before the next one.
  const set = (name: keyof Filters, value: string | boolean): void => setFilters((before) => ({ ...before, [name]: value }));
  const choose = (id: string): void =>
    setChosen((before) => (before.includes(id) ? before.filter((other) => other !== id) : [...before, id].slice(-2)));
  const active = Object.entries(filters).some(([, value]) => Boolean(value));

  return (
    <main class="list">
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <input
          ref={searchBox}
          type="search"
          aria-label="Search"
          placeholder="Search prompts and answers  ( / )"
          value={filters.search}
          onInput={(event) => set("search", event.currentTarget.value)}
        />
        <details open={active && !filters.search}>
          <summary>Filters</summary>
          <div class="fields">
            {FIELDS.map(([name, label, hint]) => (
              <label key={name}>
                {label}
                <input placeholder={hint} value={String(filters[name])} onInput={(event) => set(name, event.currentTarget.value)} />
              </label>
            ))}
            <label class="check">
              <input type="checkbox" checked={filters.error} onChange={(event) => set("error", event.currentTarget.checked)} /> only
              errors
            </label>
            {active && (
              <button type="button" class="link" onClick={() => setFilters(NO_FILTERS)}>
                clear
              </button>
            )}
          </div>
        </details>
        {chosen.length === 2 && (
          <button type="button" class="primary" onClick={() => go(`/diff/${inTime(chosen, rows ?? []).join("/")}`)}>
            Compare the two
          </button>
        )}
        {!embedded && <span class="live">live</span>}
      </form>
      {problem && <p class="error">{problem}</p>}
      {rows?.length === 0 && !problem && <Empty active={active} />}
      <ul class="traces">
        {rows?.map((row) => (
          <Row key={row.trace_id} row={row} chosen={chosen.includes(row.trace_id)} choose={choose} />
        ))}
      </ul>
      {rows !== null && rows.length >= limit && (
        <button class="link" onClick={() => setLimit(limit + 200)}>
          more
        </button>
      )}
    </main>
  );
}

/** The older of two traces comes first. */
function inTime(ids: string[], rows: TraceRow[]): string[] {
  return rows.filter((row) => ids.includes(row.trace_id)).sort((a, b) => a.start_ns - b.start_ns).map((row) => row.trace_id);
}

function Row({ row, chosen, choose }: { row: TraceRow; chosen: boolean; choose: (id: string) => void }) {
  return (
    <li class={row.error ? "failed" : ""}>
      <input
        type="checkbox"
        aria-label={`compare ${row.name}`}
        checked={chosen}
        onChange={() => choose(row.trace_id)}
      />
      <a href={`#/trace/${row.trace_id}`}>
        <span class="name">
          <span class="status" title={row.error ?? "OK"}>
            {row.error ? "✗" : "✓"}
          </span>
          {row.name}
        </span>
        <span class="preview">
          {row.input && <span>{row.input}</span>}
          {row.output && <span class="answer">{row.output}</span>}
          {row.error && <span class="failure">{row.error}</span>}
        </span>
        <span class="facts">
          <span>{clock(row.start_ns)}</span>
          <span>{duration(row.duration)}</span>
          <span>{plural(row.spans, "span")}</span>
          {row.input_tokens + row.output_tokens > 0 && <span>{count(row.input_tokens + row.output_tokens)} tokens</span>}
          {row.cost !== null && <span>{money(row.cost)}</span>}
          {row.models && <span>{row.models}</span>}
        </span>
      </a>
      {row.session_id && (
        <a class="session" href={`#/session/${encodeURIComponent(row.session_id)}`} title="the session as a conversation">
          {row.user ? `${row.user} · ` : ""}
          {row.session_id}
        </a>
      )}
    </li>
  );
}

function Empty({ active }: { active: boolean }) {
  if (active) return <p class="empty">No trace matches these filters.</p>;
  return (
    <div class="empty">
      <h2>No traces yet</h2>
      <p>Send them here from your application:</p>
      <pre>{`import spancast
from spancast import destinations

spancast.configure(destinations.otlp("${location.origin}/v1/traces"))`}</pre>
      <p>Every OpenTelemetry SDK can: set OTEL_EXPORTER_OTLP_ENDPOINT={location.origin}</p>
    </div>
  );
}
