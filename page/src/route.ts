/** The address behind `#` says what is shown, so that every view can be linked to. */
import { useEffect, useState } from "preact/hooks";

export function parse(hash: string): string[] {
  return hash
    .replace(/^#?\/?/, "")
    .split("?")[0]!
    .split("/")
    .filter(Boolean)
    .map((part) => {
      try {
        return decodeURIComponent(part);
      } catch {
        return part;
      }
    });
}

/** Show *path*; `replace`: without a new entry in the browser's history. */
export function go(path: string, replace = false): void {
  if (replace) {
    history.replaceState(null, "", `#${path}`);
    dispatchEvent(new HashChangeEvent("hashchange"));
  } else {
    location.hash = path;
  }
}

export function useRoute(): string[] {
  const [route, setRoute] = useState(() => parse(location.hash));
  useEffect(() => {
    const changed = (): void => setRoute(parse(location.hash));
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return route;
}
