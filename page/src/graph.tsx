/** How an agent's nodes followed each other, drawn as boxes and arrows. */
import type { Graph } from "./model";

const WIDTH = 150;
const HEIGHT = 36;
const GAP = 60;

/** Return the column and row of each node: its distance from the first one, then its order. */
export function layout(graph: Graph): Map<string, { x: number; y: number }> {
  const first = graph.nodes[0];
  const level = new Map<string, number>(first ? [[first.id, 0]] : []);
  const queue = first ? [first.id] : [];
  for (let index = 0; index < queue.length; index += 1) {
    for (const edge of graph.edges) {
      if (edge.from === queue[index] && !level.has(edge.to)) {
        level.set(edge.to, (level.get(edge.from) ?? 0) + 1);
        queue.push(edge.to);
      }
    }
  }
  const rows = new Map<number, number>();
  const places = new Map<string, { x: number; y: number }>();
  for (const node of graph.nodes) {
    const column = level.get(node.id) ?? 0;
    const row = rows.get(column) ?? 0;
    rows.set(column, row + 1);
    places.set(node.id, { x: 20 + column * (WIDTH + GAP), y: 24 + row * (HEIGHT + 28) });
  }
  return places;
}

export function GraphView({ graph, choose }: { graph: Graph; choose: (spanId: string) => void }) {
  const places = layout(graph);
  const all = [...places.values()];
  const width = Math.max(...all.map((place) => place.x)) + WIDTH + 40;
  const height = Math.max(...all.map((place) => place.y)) + HEIGHT + 40;
  return (
    <figure class="graph">
      <svg viewBox={`0 0 ${width} ${height}`} width={width} height={height} role="img" aria-label="agent graph">
        <defs>
          <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse">
            <path d="M0 0 8 4 0 8z" class="arrow" />
          </marker>
        </defs>
        {graph.edges.map((edge) => {
          const from = places.get(edge.from)!;
          const to = places.get(edge.to)!;
          const back = to.x <= from.x;
          const y1 = from.y + HEIGHT / 2;
          const y2 = to.y + HEIGHT / 2;
          const path = back
            ? `M${from.x + WIDTH / 2} ${from.y + HEIGHT} C ${from.x + WIDTH / 2} ${from.y + HEIGHT + 40}, ${to.x + WIDTH / 2} ${to.y + HEIGHT + 40}, ${to.x + WIDTH / 2} ${to.y + HEIGHT + 2}`
            : `M${from.x + WIDTH} ${y1} C ${from.x + WIDTH + GAP / 2} ${y1}, ${to.x - GAP / 2} ${y2}, ${to.x - 2} ${y2}`;
          return <path key={`${edge.from} ${edge.to}`} d={path} class="edge" marker-end="url(#arrow)" />;
        })}
        {graph.nodes.map((node) => {
          const place = places.get(node.id)!;
          return (
            <g key={node.id} class={node.error ? "node failed" : "node"} onClick={() => choose(node.spanId)}>
              <rect x={place.x} y={place.y} width={WIDTH} height={HEIGHT} rx={8} />
              <text x={place.x + 12} y={place.y + 23}>
                {node.id.length > 16 ? `${node.id.slice(0, 15)}…` : node.id}
                {node.count > 1 ? ` ×${node.count}` : ""}
              </text>
            </g>
          );
        })}
      </svg>
    </figure>
  );
}
