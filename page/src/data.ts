/** Where the page gets its data: from the server, or from the block that a self-contained file holds. */
import type { Diff, Filters, Session, Trace, TraceRow } from "./types";

interface Embedded {
  traces: TraceRow[];
  details: Record<string, Trace>;
  diff?: Diff & { a: string; b: string };
  session_scores?: Record<string, Session["scores"]>;
}

function readEmbedded(): Embedded | null {
  const block = document.getElementById("spancast-data");
  return block ? (JSON.parse(block.textContent ?? "null") as Embedded) : null;
}

export const embedded: Embedded | null = readEmbedded();

async function get<T>(path: string): Promise<T> {
  const answer = await fetch(path, { headers: { Accept: "application/json" } });
  const body = (await answer.json()) as T & { message?: string };
  if (!answer.ok) throw new Error(body.message ?? `HTTP ${answer.status}`);
  return body;
}

export function matches(row: TraceRow, filters: Filters): boolean {
  const text = `${row.name} ${row.input ?? ""} ${row.output ?? ""} ${row.error ?? ""}`.toLowerCase();
  return (
    (!filters.session || row.session_id === filters.session) &&
    (!filters.user || row.user === filters.user) &&
    (!filters.name || row.name.toLowerCase().includes(filters.name.toLowerCase())) &&
    (!filters.model || (row.models ?? "").toLowerCase().includes(filters.model.toLowerCase())) &&
    (!filters.error || row.error !== null) &&
    (!filters.slower || row.duration > Number(filters.slower)) &&
    (!filters.search || text.includes(filters.search.toLowerCase()))
  );
}

export async function listTraces(filters: Filters, limit = 100): Promise<TraceRow[]> {
  if (embedded) return embedded.traces.filter((row) => matches(row, filters));
  const query = new URLSearchParams({ limit: String(limit) });
  for (const [name, value] of Object.entries(filters)) {
    if (value) query.set(name, value === true ? "1" : String(value));
  }
  return (await get<{ traces: TraceRow[] }>(`/api/traces?${query}`)).traces;
}

export async function getTrace(id: string): Promise<Trace> {
  if (embedded) {
    const found = embedded.details[id];
    if (!found) throw new Error("This file does not hold that trace.");
    return found;
  }
  return get<Trace>(`/api/traces/${encodeURIComponent(id)}`);
}

export async function getSession(id: string): Promise<Session> {
  if (embedded) {
    const traces = embedded.traces.filter((row) => row.session_id === id).sort((a, b) => a.start_ns - b.start_ns);
    return { traces, scores: embedded.session_scores?.[id] ?? [] };
  }
  return get<Session>(`/api/sessions/${encodeURIComponent(id)}`);
}

export async function getDiff(a: string, b: string): Promise<Diff> {
  if (embedded?.diff) return embedded.diff;
  return get<Diff>(`/api/diff?a=${encodeURIComponent(a)}&b=${encodeURIComponent(b)}`);
}

/** Call `changed` when traces have arrived, at most twice a second. Returns what ends it. */
export function listen(changed: () => void): () => void {
  if (embedded || typeof EventSource === "undefined") return () => undefined;
  const source = new EventSource("/api/events");
  let timer: ReturnType<typeof setTimeout> | undefined;
  source.onmessage = () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      changed();
    }, 500);
  };
  return () => {
    clearTimeout(timer);
    source.close();
  };
}
