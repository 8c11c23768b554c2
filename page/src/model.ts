/** What the page makes of a trace's spans: the tree, the rows that are shown, the figures, the graph of an agent's nodes. */
import type { Span } from "./types";

export interface TreeNode {
  span: Span;
  /** The gateway's span of the same model call, which is shown as one with the application's. */
  gateway: Span | null;
  children: TreeNode[];
  depth: number;
}

/** Return the roots of the tree. Spans whose parent is missing, or that are their own ancestors, are roots. */
export function buildTree(spans: Span[]): TreeNode[] {
  const nodes = new Map<string, TreeNode>();
  for (const span of spans) nodes.set(span.span_id, { span, gateway: null, children: [], depth: 0 });
  const roots: TreeNode[] = [];
  for (const node of nodes.values()) {
    const parent = node.span.parent_span_id ? nodes.get(node.span.parent_span_id) : undefined;
    if (parent && parent !== node) parent.children.push(node);
    else roots.push(node);
  }
  const reached = new Set<TreeNode>();
  const visit = (root: TreeNode): void => {
    const stack: TreeNode[] = [root];
    while (stack.length) {
      const node = stack.pop()!;
      if (reached.has(node)) continue;
      reached.add(node);
      node.children = node.children.filter((child) => !reached.has(child));
      joinGateway(node);
      node.children.sort(byTime);
      for (const child of node.children) {
        child.depth = node.depth + 1;
        stack.push(child);
      }
    }
  };
  roots.sort(byTime).forEach(visit);
  for (const node of nodes.values()) {
    if (!reached.has(node) && !isGateway(node)) {
      roots.push(node);
      visit(node);
    }
  }
  return roots;
}

function byTime(a: TreeNode, b: TreeNode): number {
  return a.span.start_ns - b.span.start_ns || b.span.end_ns - a.span.end_ns;
}

const joined = new WeakSet<TreeNode>();

function isGateway(node: TreeNode): boolean {
  return joined.has(node);
}

/** A model call whose only child is a model call without children is one call, told by the application and its gateway. */
function joinGateway(node: TreeNode): void {
  const only = node.children.length === 1 ? node.children[0] : undefined;
  if (node.span.kind === "LLM" && only?.span.kind === "LLM" && only.children.length === 0) {
    node.gateway = only.span;
    node.children = [];
    joined.add(only);
  }
}

/** Return the nodes that are visible, depth first. */
export function visibleRows(roots: TreeNode[], collapsed: ReadonlySet<string>): TreeNode[] {
  const rows: TreeNode[] = [];
  const stack = [...roots].reverse();
  while (stack.length) {
    const node = stack.pop()!;
    rows.push(node);
    if (!collapsed.has(node.span.span_id)) stack.push(...[...node.children].reverse());
  }
  return rows;
}

/** Return the ids of the spans in whose name, error, model or content *text* stands, whatever its case. */
export function spansWith(text: string, texts: ReadonlyMap<string, string>): Set<string> {
  const wanted = text.trim().toLowerCase();
  const found = new Set<string>();
  if (wanted) for (const [id, whole] of texts) if (whole.includes(wanted)) found.add(id);
  return found;
}

/** Return what `spansWith` searches: made once a trace, because it is asked at each key. */
export function searchable(spans: Span[]): Map<string, string> {
  return new Map(
    spans.map((span) => [span.span_id, JSON.stringify([span.name, span.error, span.model, Object.values(span.content)]).toLowerCase()]),
  );
}

export interface Totals {
  start: number;
  end: number;
  tokens: number;
  cost: number | null;
  errors: number;
  llmCalls: number;
  toolCalls: number;
}

/** Return whether a span is there for its score only, and no part of what happened: it has no length. It may come days later. */
export function isScore(span: Span): boolean {
  return span.kind === "EVALUATOR" && span.start_ns === span.end_ns && span.content.scores !== undefined;
}

const MOST_SCORES = 3; // of one span that are shown in the tree

/** Return what stands behind a span's name in the tree: the scores it carries; an evaluator has its name already. */
export function scoreTexts(span: Span): string[] {
  const most = span.kind === "EVALUATOR" ? 1 : MOST_SCORES;
  return (span.content.scores ?? [])
    .slice(0, most)
    .map((score) => [span.kind === "EVALUATOR" ? undefined : score.name, score.value ?? score.score, score.label])
    .map((parts) => parts.filter((part) => part !== undefined && part !== null && part !== "").join(" "))
    .filter((text) => text !== "");
}

/** Return the figures of a trace; what the gateway says about a call again counts once, and a later score takes no time. */
export function totals(spans: Span[]): Totals {
  const counting = new Set(spans.filter((s) => s.kind === "LLM" && s.input_tokens !== null).map((s) => s.span_id));
  const counted = spans.filter((s) => s.kind !== "LLM" || !s.parent_span_id || !counting.has(s.parent_span_id));
  const costs = counted.map((s) => s.cost).filter((cost): cost is number => cost !== null);
  let start = Infinity;
  let end = -Infinity;
  const timed = spans.filter((span) => !isScore(span));
  for (const span of timed.length ? timed : spans) {
    start = Math.min(start, span.start_ns);
    end = Math.max(end, span.end_ns);
  }
  return {
    start,
    end,
    tokens: counted.reduce((sum, s) => sum + (s.input_tokens ?? 0) + (s.output_tokens ?? 0), 0),
    cost: costs.length ? costs.reduce((sum, cost) => sum + cost, 0) : null,
    errors: spans.filter((s) => s.error).length,
    llmCalls: counted.filter((s) => s.kind === "LLM").length,
    toolCalls: counted.filter((s) => s.kind === "TOOL").length,
  };
}

export interface Graph {
  nodes: { id: string; count: number; error: boolean; spanId: string }[];
  edges: { from: string; to: string; count: number }[];
}

/** Return how an agent's nodes followed each other: of graph nodes where the framework names them, else of agents and tools. */
export function agentGraph(spans: Span[]): Graph {
  const named = spans.filter((span) => span.node);
  const inside = new Set(named.map((span) => span.span_id));
  const steps = (
    named.length
      ? named.filter((span) => !span.parent_span_id || !inside.has(span.parent_span_id) || isOuterNode(span, named))
      : spans.filter((span) => span.kind === "AGENT" || span.kind === "TOOL" || span.kind === "LLM")
  ).sort((a, b) => a.start_ns - b.start_ns);
  const nodes = new Map<string, Graph["nodes"][number]>();
  const edges = new Map<string, Graph["edges"][number]>();
  let before: string | null = null;
  for (const span of steps.slice(0, 2000)) {
    const id = span.node ?? span.name;
    const node = nodes.get(id) ?? { id, count: 0, error: false, spanId: span.span_id };
    node.count += 1;
    node.error ||= span.error !== null;
    nodes.set(id, node);
    if (before !== null && before !== id) {
      const key = `${before}\u0000${id}`;
      const edge = edges.get(key) ?? { from: before, to: id, count: 0 };
      edge.count += 1;
      edges.set(key, edge);
    }
    before = id;
  }
  return { nodes: [...nodes.values()], edges: [...edges.values()] };
}

function isOuterNode(span: Span, named: Span[]): boolean {
  const parent = named.find((other) => other.span_id === span.parent_span_id);
  return parent !== undefined && parent.node !== span.node;
}
