/** A session as a conversation: the question and the answer of each of its traces. */
import { useEffect, useState } from "preact/hooks";
import { getSession } from "./data";
import { clock, count, duration, money, plural } from "./format";
import { Scores } from "./span";
import type { Session } from "./types";

export function SessionPage({ id }: { id: string }) {
  const [session, setSession] = useState<Session | null>(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    getSession(id).then(setSession, (error: unknown) => setProblem(error instanceof Error ? error.message : String(error)));
  }, [id]);
  if (problem) return <p class="error">{problem}</p>;
  if (!session) return <p class="empty">Loading…</p>;
  const rows = session.traces;
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
        {session.scores.length > 0 && <Scores title="Scores of the session" scores={session.scores} />}
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
