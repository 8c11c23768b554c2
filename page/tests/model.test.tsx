import { render } from "@testing-library/preact";
import { describe, expect, it } from "vitest";
import { clock, duration, money, parsed, plural } from "../src/format";
import { layout } from "../src/graph";
import { JsonView } from "../src/json";
import { agentGraph, buildTree, isScore, scoreTexts, searchable, spansWith, totals, visibleRows } from "../src/model";
import { parse } from "../src/route";
import { MessageView, SpanView } from "../src/span";
import type { Span } from "../src/types";

function span(id: string, parent: string | null, more: Partial<Span> = {}): Span {
  return {
    span_id: id,
    parent_span_id: parent,
    name: id,
    kind: "CHAIN",
    start_ns: Number(id.replace(/\D/g, "") || 0) * 1e9,
    end_ns: 100e9,
    error: null,
    ending: null,
    input_tokens: null,
    output_tokens: null,
    cost: null,
    first_token: null,
    model: null,
    user: null,
    session_id: null,
    service: null,
    node: null,
    content: {},
    attributes: {},
    events: [],
    links: [],
    ...more,
  };
}

describe("the tree", () => {
  it("orders children by time and keeps what has no parent as a root", () => {
    const roots = buildTree([span("3", "1"), span("1", null), span("2", "1"), span("9", "missing")]);
    expect(roots.map((node) => node.span.span_id)).toEqual(["1", "9"]);
    expect(visibleRows(roots, new Set()).map((node) => node.span.span_id)).toEqual(["1", "2", "3", "9"]);
    expect(visibleRows(roots, new Set(["1"])).map((node) => node.span.span_id)).toEqual(["1", "9"]);
  });

  it("shows spans that are each other's parents once", () => {
    const roots = buildTree([span("1", "2"), span("2", "1"), span("3", "3")]);
    expect(visibleRows(roots, new Set()).map((node) => node.span.span_id).sort()).toEqual(["1", "2", "3"]);
  });

  it("shows scores behind names, and gives one that comes days later no time", () => {
    const late = span("9", "1", {
      kind: "EVALUATOR",
      start_ns: 9e15,
      end_ns: 9e15,
      content: { scores: [{ name: "helpful", score: 1, label: "yes" }] },
    });
    const scored = span("1", null, { content: { scores: [{ name: "grounded", value: 0 }, { name: "short", label: "no" }] } });
    expect(totals([scored, late])).toMatchObject({ start: 1e9, end: 100e9 });
    expect([isScore(late), isScore(scored)]).toEqual([true, false]);
    expect(scoreTexts(late)).toEqual(["1 yes"]);
    expect(scoreTexts(scored)).toEqual(["grounded 0", "short no"]);
  });

  it("joins a model call with the gateway's span of it, and counts its tokens once", () => {
    const spans = [
      span("1", null, { kind: "LLM", input_tokens: 7, output_tokens: 3, cost: 1 }),
      span("2", "1", { kind: "LLM", input_tokens: 7, output_tokens: 3, cost: 1 }),
    ];
    const roots = buildTree(spans);
    expect(visibleRows(roots, new Set())).toHaveLength(1);
    expect(roots[0]?.gateway?.span_id).toBe("2");
    expect(totals(spans)).toMatchObject({ tokens: 10, cost: 1, llmCalls: 1 });
  });
});

describe("the graph of an agent", () => {
  it("counts how nodes followed each other", () => {
    const spans = [
      span("1", null, { kind: "AGENT" }),
      span("2", "1", { node: "model" }),
      span("3", "1", { node: "tools", error: "failed" }),
      span("4", "1", { node: "model" }),
    ];
    const graph = agentGraph(spans);
    expect(graph.nodes.map((node) => [node.id, node.count, node.error])).toEqual([
      ["model", 2, false],
      ["tools", 1, true],
    ]);
    expect(graph.edges).toHaveLength(2);
    expect(layout(graph).get("tools")!.x).toBeGreaterThan(layout(graph).get("model")!.x);
  });
});

describe("figures", () => {
  it("are short and say something", () => {
    expect([money(0.00003), money(0.0000275), money(0.0123), money(2), money(0), money(null)]).toEqual(["$0.00003", "$0.000028", "$0.0123", "$2.00", "$0", ""]);
    expect([duration(0.0123), duration(2.345), duration(75), duration(119.7)]).toEqual(["12 ms", "2.35 s", "1m 15s", "2m 0s"]);
    expect([plural(1, "span"), plural(1200, "span")]).toEqual(["1 span", "1,200 spans"]);
    expect(clock(0)).toContain("1970");
    expect([parsed('{"a": 1}'), parsed("{cut"), parsed("plain")]).toEqual([{ a: 1 }, "{cut", "plain"]);
  });
});

describe("what is shown", () => {
  it("takes text of every kind as text", () => {
    const attack = "<img src=x onerror=alert(1)>";
    const message = { role: attack, parts: [{ type: "text" as const, text: attack }] };
    const { container } = render(<MessageView message={message} />);
    expect(container.querySelector("img")).toBeNull();
    expect(container.textContent).toContain(attack);
  });

  it("never asks another host for an image", () => {
    const parts = [{ type: "media" as const, modality: "image", url: "https://example.com/x.png" }];
    const { container } = render(<MessageView message={{ role: "user", parts }} />);
    expect(container.querySelector("img")).toBeNull();
    expect(container.textContent).toContain("https://example.com/x.png");
  });

  it("says how much of a value is here", () => {
    const content = { truncated: ["span.input", "tags"], cut: { "span.input": { shown: 2048, of: 1000000 } } };
    const node = buildTree([span("1", null, { content })])[0]!;
    const { container } = render(<SpanView node={node} traceId="t" />);
    const lines = [...container.querySelectorAll("ul.cut li")].map((line) => line.textContent);
    expect(lines).toEqual(["cut input: 2,048 of 1,000,000 characters", "cut tags"]);
  });

  it("folds reasoning and shows calls with their arguments", () => {
    const node = buildTree([
      span("1", null, {
        kind: "LLM",
        content: {
          output_messages: [
            {
              role: "assistant",
              parts: [
                { type: "reasoning", text: "because" },
                { type: "tool_call", name: "lookup", arguments: { order: 17 } },
              ],
            },
          ],
        },
      }),
    ])[0]!;
    const { container } = render(<SpanView node={node} traceId="t" />);
    expect(container.querySelector("details")?.textContent).toContain("because");
    expect(container.textContent).toContain("→ lookup");
    expect(container.textContent).toContain("17");
  });

  it("cuts long lists until asked", () => {
    const { container } = render(<JsonView value={Array.from({ length: 300 }, (_, i) => i)} />);
    expect(container.textContent).toContain("200 more");
  });
});

describe("the address", () => {
  it("survives every id", () => {
    expect(parse("#/session/a%2Fb%20c")).toEqual(["session", "a/b c"]);
    expect(parse("#/session/100%")).toEqual(["session", "100%"]);
    expect(parse("")).toEqual([]);
  });
});

describe("a search in a trace", () => {
  const spans = [
    span("1", null, { name: "Support" }),
    span("2", "1", { kind: "LLM", model: "gpt-4o", content: { input: "Where is ORDER 17?" } }),
    span("3", "1", { error: "TimeoutError: too slow" }),
  ];

  it("finds names, errors, models and content, whatever their case, and not the names of sections", () => {
    const found = (text: string): string[] => [...spansWith(text, searchable(spans))];
    expect([found("order 17"), found("timeout"), found("GPT"), found("support"), found("input"), found("  ")]).toEqual([
      ["2"],
      ["3"],
      ["2"],
      ["1"],
      [],
      [],
    ]);
  });
});
