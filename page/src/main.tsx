/** The page: a bar on top, and beneath it the list, a trace, a session or a comparison. */
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { embedded } from "./data";
import { DiffPage } from "./diff";
import { TraceList } from "./list";
import { go, useRoute } from "./route";
import { SessionPage } from "./session";
import "./style.css";
import { TracePage } from "./trace";

function App() {
  const [view, ...rest] = useRoute();
  useEffect(() => {
    if (embedded && !location.hash) go(start(), true);
  }, []);
  return (
    <>
      <header class="top">
        <a class="brand" href="#/">
          spancast
        </a>
        <a href="#/">traces</a>
        <Theme />
      </header>
      <View view={view} rest={rest} />
    </>
  );
}

/** A file that holds a comparison, or a single trace, begins with it. */
function start(): string {
  if (embedded?.diff) return `/diff/${embedded.diff.a}/${embedded.diff.b}`;
  const only = embedded?.traces.length === 1 ? embedded.traces[0] : undefined;
  return only ? `/trace/${only.trace_id}` : "/";
}

function View({ view, rest }: { view: string | undefined; rest: string[] }) {
  const [first, second] = rest;
  if (view === "trace" && first) return <TracePage id={first} spanId={second} />;
  if (view === "session" && first) return <SessionPage id={rest.join("/")} />;
  if (view === "diff" && first && second) return <DiffPage a={first} b={second} />;
  return <TraceList initial={{}} />;
}

function Theme() {
  const [theme, setTheme] = useState(stored);
  useEffect(() => {
    document.documentElement.dataset["theme"] = theme;
    try {
      localStorage.setItem("spancast-theme", theme);
    } catch {
      /* a page opened as a file may have no storage */
    }
  }, [theme]);
  return (
    <button class="link theme" onClick={() => setTheme(theme === "dark" ? "light" : "dark")} aria-label="dark or light">
      {theme === "dark" ? "☀" : "☾"}
    </button>
  );
}

function stored(): string {
  try {
    const found = localStorage.getItem("spancast-theme");
    if (found) return found;
  } catch {
    /* as above */
  }
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

render(<App />, document.getElementById("app")!);
