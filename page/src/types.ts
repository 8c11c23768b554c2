/** The data that the server, or the block in a self-contained file, gives: see `spancast.view.query`. */
export interface TraceRow {
  trace_id: string;
  start_ns: number;
  end_ns: number;
  duration: number;
  name: string;
  kind: string;
  error: string | null;
  spans: number;
  input_tokens: number;
  output_tokens: number;
  cost: number | null;
  models: string | null;
  user: string | null;
  session_id: string | null;
  service: string | null;
  input: string | null;
  output: string | null;
}

/** What a text rests on, as the provider says it; either may be empty. */
export interface Source {
  title: string;
  url: string;
}

export type Part =
  | { type: "text" | "reasoning" | "refusal"; text: string; sources?: Source[] }
  | { type: "tool_call"; id?: string | null; name: string; arguments: unknown }
  | { type: "tool_result"; id?: string | null; result: unknown }
  | { type: "media"; modality: string; name?: string; url?: string | null; mime_type?: string }
  | { type: "other"; data: unknown };

export interface Message {
  role: string;
  name?: string;
  parts: Part[];
  finish_reason?: string;
}

export interface Document {
  id?: string;
  score?: number;
  content?: string;
  metadata?: unknown;
}

export interface Score {
  name?: string;
  label?: string;
  value?: number;
  score?: number;
  explanation?: string;
}

export interface Content {
  input_messages?: Message[];
  output_messages?: Message[];
  input?: unknown;
  output?: unknown;
  tools?: { name?: string; description?: string; parameters?: unknown }[];
  documents?: Document[];
  input_documents?: Document[];
  query?: unknown;
  parameters?: unknown;
  template?: string;
  variables?: unknown;
  prompt?: Record<string, unknown>;
  metadata?: Record<string, unknown>;
  tags?: unknown;
  description?: string;
  exceptions?: { type?: string; message?: string; stack?: string }[];
  scores?: Score[];
  truncated?: string[];
  cut?: Record<string, { shown: number; of: number }>;
}

export interface Span {
  span_id: string;
  parent_span_id: string | null;
  name: string;
  kind: string;
  start_ns: number;
  end_ns: number;
  error: string | null;
  ending: string | null;
  input_tokens: number | null;
  output_tokens: number | null;
  cost: number | null;
  first_token: number | null;
  model: string | null;
  user: string | null;
  session_id: string | null;
  service: string | null;
  node: string | null;
  content: Content;
  attributes: Record<string, unknown>;
  events: { name: string; time_ns: number; attributes: Record<string, unknown> }[];
  links: { trace_id: string; span_id: string }[];
}

export interface Trace {
  trace_id: string;
  spans: Span[];
}

export interface Session {
  traces: TraceRow[];
  scores: Score[];
}

export interface DiffSide {
  spans: number;
  llm_calls: number;
  tool_calls: number;
  errors: number;
  input_tokens: number;
  output_tokens: number;
  cost: number | null;
  seconds: number;
}

export interface DiffCall {
  kind: string;
  name: string;
  path: string[];
  span_id: string;
}

export interface Diff {
  equal: boolean;
  totals: { before: DiffSide; after: DiffSide };
  added: DiffCall[];
  removed: DiffCall[];
  changed: (DiffCall & { fields: Record<string, { before: unknown; after: unknown; lines?: string[] }> })[];
}

export interface Filters {
  search: string;
  session: string;
  user: string;
  name: string;
  model: string;
  since: string;
  slower: string;
  error: boolean;
}

export const NO_FILTERS: Filters = {
  search: "",
  session: "",
  user: "",
  name: "",
  model: "",
  since: "",
  slower: "",
  error: false,
};
