/** Data that folds: objects and lists open level by level, long texts are cut until asked for. */
import { useState } from "preact/hooks";
import { parsed } from "./format";

const SHOWN = 100;

export function JsonView({ value, open = 2 }: { value: unknown; open?: number }) {
  return (
    <div class="json">
      <Value value={parsed(value)} depth={0} open={open} />
    </div>
  );
}

function Value({ value, depth, open }: { value: unknown; depth: number; open: number }) {
  if (value === null || typeof value === "boolean" || typeof value === "number") {
    return <span class="json-scalar">{String(value)}</span>;
  }
  if (typeof value === "string") return <LongText text={value} />;
  if (Array.isArray(value)) return <Branch entries={value.map((v, i) => [String(i), v])} mark="[]" depth={depth} open={open} />;
  if (typeof value === "object") return <Branch entries={Object.entries(value as object)} mark="{}" depth={depth} open={open} />;
  return <span>{String(value)}</span>;
}

function Branch(props: { entries: [string, unknown][]; mark: string; depth: number; open: number }) {
  const [isOpen, setOpen] = useState(props.depth < props.open);
  const [shown, setShown] = useState(SHOWN);
  const { entries, mark } = props;
  if (!entries.length) return <span class="json-scalar">{mark}</span>;
  return (
    <span>
      <button class="fold" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        {isOpen ? "▾" : "▸"} {mark[0]}
        {isOpen ? "" : ` ${entries.length} ${mark[1]}`}
      </button>
      {isOpen && (
        <div class="json-branch">
          {entries.slice(0, shown).map(([key, item]) => (
            <div key={key}>
              <span class="json-key">{key}</span>: <Value value={item} depth={props.depth + 1} open={props.open} />
            </div>
          ))}
          {entries.length > shown && (
            <button class="link" onClick={() => setShown(shown + 1000)}>
              {entries.length - shown} more
            </button>
          )}
        </div>
      )}
    </span>
  );
}

export function LongText({ text, limit = 4000 }: { text: string; limit?: number }) {
  const [all, setAll] = useState(false);
  if (text.length <= limit || all) return <span class="text">{text}</span>;
  return (
    <span class="text">
      {text.slice(0, limit)}…{" "}
      <button class="link" onClick={() => setAll(true)}>
        show all {text.length.toLocaleString("en")} characters
      </button>
    </span>
  );
}
