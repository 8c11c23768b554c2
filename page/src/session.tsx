/** A session as a conversation: the question and the answer of each of its traces. */
import { useEffect, useState } from "preact/hooks";
import { getSession } from "./data";
import { clock, count, duration, money, plural } from "./format";
import type { TraceRow } from "./types";

export function SessionPage({ id }: { id: string }) {
  const [rows, setRows] = useState<TraceRow[] | null>(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    getSession(id).then(setRows, (error: unknown) => setProblem(error instanceof Error ? error.message : String(error)));
  }, [id]);
  if (problem) return <p class="error">{problem}</p>;
  if (!rows) return <p class="empty">Loading…</p>;
  const tokens = rows.reduce((sum, row) => sum + row.input_tokens + row.output_tokens, 0);
  const cost = rows.reduce((sum, row) => sum + (row.cost ?? 0), 0);
  return (
    <main class="conversation">
      <header class="trace-header">
        <h1>Session {id}</h1>
        <p class="figures">
          {plural(rows.length, "trace")} · {count(tokens)} tokens{cost > 0 && ` · ${money(cost)}`}
          {rows[0]?.user && ` · user ${rows[0].user}`}
        </p>
      </header>
      {rows.map((row) => (
        <section key={row.trace_id} class="turn">
          <p class="turn-facts">
            <a href={`#/trace/${row.trace_id}`}>{row.name}</a>
            <span class="dim">
              {clock(row.start_ns)} · {duration(row.duration)}
            </span>
          </p>
          {row.input && <p class="bubble user">{row.input}</p>}
          {row.output && <p class="bubble assistant">{row.output}</p>}
          {row.error && <p class="bubble failed">{row.error}</p>}
        </section>
      ))}
    </main>
  );
}
