"use strict";
// Lines with one data-l belong together. Hovering shows them, a click keeps them; the bar below counts them and goes to them.
(() => {
  const rules = document.head.appendChild(document.createElement("style"));
  const bar = document.getElementById("where");
  let hovered = null, pinned = null, turns = {};
  const chosen = (key) => `[data-l="${CSS.escape(key)}"]`;
  const paint = () => {
    const rule = (key, colour) => {
      const s = chosen(key);
      return `${s}.l, tr${s}, .l${s} { background: var(${colour}) !important; } .page .irad-graph ${s} > rect { stroke: var(--accent) !important; stroke-width: 2.5px; }`;
    };
    rules.textContent = (pinned ? rule(pinned, "--pin") : "") + (hovered && hovered !== pinned ? rule(hovered, "--hit") : "");
  };
  const reveal = (e) => {
    for (let d = e.closest("details"); d; d = d.parentElement.closest("details")) d.open = true;
    e.scrollIntoView({ block: "center", inline: "center" });
  };
  const count = () => {
    bar.hidden = !pinned;
    bar.replaceChildren();
    if (!pinned) return;
    const name = document.createElement("b");
    name.textContent = `line ${pinned}`;
    bar.append(name);
    for (const section of document.querySelectorAll("[data-s]")) {
      const found = section.querySelectorAll(chosen(pinned));
      if (!found.length) continue;
      const link = document.createElement("a");
      link.href = `#L${pinned}`;
      link.textContent = `${section.dataset.s} ${found.length}`;
      link.onclick = (event) => {
        event.preventDefault();
        turns[section.dataset.s] = (turns[section.dataset.s] ?? -1) + 1;
        reveal(found[turns[section.dataset.s] % found.length]);
      };
      bar.append(link);
    }
  };
  const pin = (key, show) => {
    pinned = key;
    turns = {};
    paint();
    count();
    const line = key && document.getElementById(`L${key}`);
    if (line && show) {
      for (let d = line.closest("details"); d; d = d.parentElement.closest("details")) d.open = true;
      const aside = line.closest("aside");
      aside.scrollTop += line.getBoundingClientRect().top - aside.getBoundingClientRect().top - aside.clientHeight / 3;
    }
  };
  const follow = (show) => {
    let hash = location.hash.slice(1);
    try { hash = decodeURIComponent(hash); } catch { return; }  // not one of ours
    if (/^L[\d.]+$/.test(hash)) return pin(hash.slice(1), show);
    const target = hash && document.getElementById(hash);
    if (target && target.tagName === "DETAILS") { target.open = true; target.scrollIntoView(); }
  };
  document.addEventListener("mouseover", (event) => {
    const e = event.target.closest("[data-l]");
    const key = e ? e.dataset.l : null;
    if (key !== hovered) { hovered = key; paint(); }
  });
  document.addEventListener("click", (event) => {
    const e = event.target.closest("[data-l]");
    if (!e || getSelection().toString()) return;
    event.preventDefault();
    const key = e.dataset.l === pinned ? null : e.dataset.l;
    history.replaceState(null, "", key ? `#L${key}` : location.pathname + location.search);
    pin(key, !e.closest("aside"));
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { history.replaceState(null, "", location.pathname + location.search); pin(null); }
  });
  addEventListener("hashchange", () => follow(true));
  for (const e of document.querySelectorAll(".drawing")) e.scrollLeft = (e.scrollWidth - e.clientWidth) / 2;
  follow(true);
  addEventListener("load", () => { if (pinned) { scrollTo(0, 0); pin(pinned, true); } });  // the source scrolls, not the page
})();
