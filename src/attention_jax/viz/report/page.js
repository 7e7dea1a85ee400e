"use strict";

// One page, three parts: the theme, the charts that follow it, and attention word by word.
(function () {
  const root = document.documentElement;
  root.classList.add("scripted");
  const css = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  // ---- Theme ----

  const button = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const stored = (action) => {
    try {
      return action(localStorage);
    } catch (error) {
      return null; // Some browsers keep nothing for a page opened from a file.
    }
  };
  const isDark = () => root.dataset.theme === "dark";
  function setTheme(dark) {
    root.dataset.theme = dark ? "dark" : "light";
    button.setAttribute("aria-pressed", String(dark));
    drawCharts();
  }
  button.hidden = false;
  button.addEventListener("click", () => {
    const dark = !isDark();
    stored((storage) => storage.setItem("attention-jax-theme", dark ? "dark" : "light"));
    setTheme(dark);
  });
  system.addEventListener("change", () => {
    if (!stored((storage) => storage.getItem("attention-jax-theme"))) setTheme(system.matches);
  });

  // ---- Charts ----

  const charts = [...document.querySelectorAll(".chart")].map((chart) => ({
    plot: chart.querySelector(".plot"),
    figure: JSON.parse(chart.querySelector("script").textContent),
  }));
  function drawCharts() {
    const [ink, soft, line, grid, sheet] = ["--ink", "--soft", "--line", "--grid", "--sheet"].map(css);
    const axis = { gridcolor: grid, linecolor: line, tickcolor: line, tickfont: { color: soft } };
    for (const { plot, figure } of charts) {
      const data = figure.data.map((trace) => {
        if (!trace.meta) return trace; // Coloured by what it shows.
        const color = css(`--series-${trace.meta.series % 7}`);
        return { ...trace, line: { ...trace.line, color }, marker: { ...trace.marker, color } };
      });
      const styled = (given) => ({
        ...axis,
        ...given,
        title: { ...given.title, font: { size: 12, color: soft } },
      });
      const layout = {
        ...figure.layout,
        autosize: true,
        font: { family: css("--text"), size: 12, color: ink },
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        xaxis: styled(figure.layout.xaxis),
        yaxis: styled(figure.layout.yaxis),
        hoverlabel: { bgcolor: sheet, bordercolor: line, font: { color: ink } },
        dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
      };
      const options = { responsive: true, displaylogo: false, displayModeBar: false };
      Plotly.react(plot, data, layout, options);
    }
  }

  // ---- Attention ----

  const VISIBLE = 0.01; // A weight below it gets no number.
  const STRONG = 0.84; // From here on white letters read better than black ones.
  const MIRRORED = [];

  function attention() {
    const source = document.getElementById("maps");
    if (!source) return;
    const maps = JSON.parse(source.textContent);
    const select = document.getElementById("example");
    const panels = document.getElementById("panels");
    const runs = [...document.querySelectorAll(".card h2 bdi")].map((name) => name.textContent);
    const examples = new Map();
    for (const map of maps) {
      const key = `${map.split} ${map.example}`;
      if (!examples.has(key)) examples.set(key, []);
      examples.get(key).push(map);
    }
    for (const [key, of] of examples) {
      const title = of[0].title || of[0].keys.join(" ");
      const short = title.length > 90 ? `${title.slice(0, 89)}…` : title;
      select.append(make("option", { value: key, textContent: `${of[0].example + 1}: ${short}` }));
    }
    const several = new Set(maps.map((map) => map.run)).size > 1 || runs.length > 1;
    const show = () => {
      MIRRORED.length = 0;
      panels.replaceChildren();
      const byRun = new Map();
      for (const map of examples.get(select.value)) {
        if (!byRun.has(map.run)) byRun.set(map.run, []);
        byRun.get(map.run).push(map);
      }
      for (const [run, kinds] of byRun) panels.append(panel(several ? runs[run] : "", run, kinds));
    };
    // Neither the shortest nor the longest: the first to be seen should be easy to read.
    select.selectedIndex = Math.floor((select.options.length - 1) / 2);
    select.addEventListener("change", show);
    for (const link of document.querySelectorAll("[data-example]")) {
      link.addEventListener("click", () => {
        const option = [...select.options].find((o) => o.value.endsWith(` ${link.dataset.example}`));
        if (option) {
          select.value = option.value;
          show();
        }
      });
    }
    show();
  }

  // One run's maps of one example: buttons for the kinds, and the map of the one chosen.
  function panel(label, run, kinds) {
    const box = make("div", { className: "panel" });
    if (label) {
      const dot = make("i");
      dot.style.background = `var(--series-${run % 7})`;
      box.append(make("h3", {}, make("span", { className: "run" }, dot, make("bdi", {}, label))));
    }
    const place = make("div");
    const buttons = kinds.map((map, number) =>
      make("button", { type: "button", textContent: map.kind, onclick: () => choose(number) }),
    );
    function choose(number) {
      buttons.forEach((one, n) => one.setAttribute("aria-pressed", String(n === number)));
      place.replaceChildren(...view(kinds[number]));
    }
    if (kinds.length > 1) box.append(make("div", { className: "kinds" }, ...buttons));
    box.append(place);
    choose(0);
    return box;
  }

  const shown = (weight) => weight.toFixed(2).replace(/^0/, "");
  const readable = (token) => token.replace(/^▁/, "") || "␣";

  function view(map) {
    const weight = (q, k) => map.weights[q][k] || 0;
    const gold = new Set((map.gold || []).map(([q, k]) => `${q} ${k}`));
    const isGold = (q, k) => gold.has(`${q} ${k}`);
    const readout = make("p", { className: "readout" });
    readout.setAttribute("aria-live", "polite");
    const keys = line(map.keys, map.words && map.words[1], "key");
    const queries = line(map.queries, map.words && map.words[0], "query");
    const { table, cells, across, down } = matrix(map, weight, isGold);
    let held = null;

    function light(side, place) {
      const own = side === "query" ? queries : keys;
      const others = side === "query" ? keys : queries;
      own.words.forEach((word, n) => set(word, null, n === place, false));
      others.words.forEach((word, n) => {
        const [q, k] = side === "query" ? [place, n] : [n, place];
        set(word, place === null ? null : weight(q, k), false, place !== null && isGold(q, k));
      });
      const isOn = (q, k) => place !== null && (side === "query" ? q : k) === place;
      cells.forEach((row, q) => row.forEach((cell, k) => cell.classList.toggle("on", isOn(q, k))));
      down.forEach((head, q) => head.classList.toggle("on", side === "query" && q === place));
      across.forEach((head, k) => head.classList.toggle("on", side === "key" && k === place));
      tell(side, place);
    }
    function tell(side, place) {
      readout.replaceChildren();
      if (place === null) return;
      const [own, others] = side === "query" ? [map.queries, map.keys] : [map.keys, map.queries];
      const at = (n) => (side === "query" ? weight(place, n) : weight(n, place));
      const strongest = others
        .map((token, n) => [at(n), token])
        .filter(([value]) => value >= VISIBLE)
        .sort((a, b) => b[0] - a[0])
        .slice(0, 6);
      const arrow = side === "query" ? " ← " : " → ";
      readout.append(make("bdi", {}, make("b", {}, readable(own[place]))), arrow);
      strongest.forEach(([value, token], n) => {
        readout.append(n ? ", " : "", make("bdi", {}, readable(token)), " ", make("b", {}, value.toFixed(2)));
      });
      if (!strongest.length) readout.append("nothing above 0.01");
      const linked = others.filter((_, n) => (side === "query" ? isGold(place, n) : isGold(n, place)));
      if (linked.length) readout.append(` · gold: `, make("bdi", {}, linked.map(readable).join(" ")));
    }
    const api = { map, light };
    // What all runs read alike lights up in each of them.
    const together = (side, place) => {
      light(side, place);
      for (const other of MIRRORED) {
        const alike = other !== api && (place === null || side === "key");
        if (alike && String(other.map.keys) === String(map.keys)) other.light("key", place);
      }
    };
    const rest = () => together(...(held || ["query", null]));
    const act = (side, place) => together(side, place);
    for (const [side, { words }] of [["key", keys], ["query", queries]]) {
      words.forEach((word, place) => {
        word.addEventListener("pointerenter", () => act(side, place));
        word.addEventListener("focus", () => act(side, place));
        word.addEventListener("click", () => {
          const same = held && held[0] === side && held[1] === place;
          held = same ? null : [side, place];
          act(side, place);
        });
      });
    }
    table.addEventListener("pointerover", (event) => {
      const cell = event.target.closest("td");
      if (!cell) return;
      const [q, k] = [cell.parentNode.rowIndex - 1, cell.cellIndex - 1];
      act("query", q);
      keys.words[k].classList.add("on");
      across[k].classList.add("on");
    });
    const whole = make(
      "div",
      {},
      make("p", { className: "side", textContent: map.names[1] }),
      keys.box,
      make("p", { className: "side", textContent: map.names[0] }),
      queries.box,
      readout,
    );
    const box = make("div", { className: "matrix-box", tabIndex: 0 }, table);
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", `Weights as a matrix: ${map.names[1]} across, ${map.names[0]} down`);
    for (const part of [whole, box]) part.addEventListener("pointerleave", rest);
    whole.addEventListener("focusout", (event) => {
      if (!whole.contains(event.relatedTarget)) rest();
    });
    whole.addEventListener("keydown", (event) => {
      if (event.key === "Escape") {
        held = null;
        rest();
      }
    });
    MIRRORED.push(api);
    // Something to see before anything was pointed at.
    held = ["query", 0];
    light("query", 0);
    return [whole, box, scale(map)];
  }

  // The words of one side, as buttons of which one is a tab stop; arrow keys go from word to word.
  function line(tokens, wordOf, side) {
    const box = make("div", { className: "words", dir: "auto" });
    box.dataset.side = side;
    const words = tokens.map((token, n) => {
      const word = make(
        "button",
        { type: "button", className: "word", tabIndex: n ? -1 : 0 },
        make("span", {}, readable(token)), // Not a bdi, whose text dir=auto would not see.
        make("small"),
      );
      const sameWord = (a, b) => Boolean(wordOf) && wordOf[a] >= 0 && wordOf[a] === wordOf[b];
      word.classList.toggle("piece", sameWord(n, n - 1));
      word.classList.toggle("continued", sameWord(n, n + 1));
      return word;
    });
    box.append(...words);
    box.addEventListener("keydown", (event) => {
      const now = words.indexOf(document.activeElement);
      const forward = getComputedStyle(box).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
      const backward = forward === "ArrowLeft" ? "ArrowRight" : "ArrowLeft";
      const next = { [forward]: now + 1, [backward]: now - 1, Home: 0, End: words.length - 1 }[event.key];
      if (next === undefined || !words[next]) return;
      event.preventDefault();
      words[now].tabIndex = -1;
      words[next].tabIndex = 0;
      words[next].focus();
    });
    return { box, words };
  }

  function set(word, weight, on, gold) {
    word.style.setProperty("--w", weight || 0);
    word.classList.toggle("lit", weight >= VISIBLE);
    word.classList.toggle("strong", weight >= STRONG);
    word.classList.toggle("on", on);
    word.classList.toggle("gold", gold);
    word.lastChild.textContent = weight >= VISIBLE ? shown(weight) : "";
  }

  function matrix(map, weight, isGold) {
    const large = Math.max(map.keys.length, map.queries.length);
    const table = make("table", { className: "matrix" });
    table.style.setProperty("--cell", `${large > 60 ? 12 : large > 30 ? 16 : 24}px`);
    const label = (token, scope, ...rest) => make("th", { scope, title: token, dir: "auto" }, ...rest);
    const across = map.keys.map((key) => label(key, "col", make("span", {}, readable(key))));
    const head = make("tr", {}, make("td"), ...across);
    const down = map.queries.map((query) => label(query, "row", readable(query)));
    const cells = map.queries.map((query, q) =>
      map.keys.map((key, k) => {
        const cell = make("td", { textContent: weight(q, k).toFixed(2), title: `${readable(query)} ← ${readable(key)} ${weight(q, k).toFixed(2)}` });
        cell.style.setProperty("--w", weight(q, k));
        cell.classList.toggle("gold", isGold(q, k));
        return cell;
      }),
    );
    const rows = cells.map((row, q) => make("tr", {}, down[q], ...row));
    table.append(make("thead", {}, head), make("tbody", {}, ...rows));
    return { table, cells, across, down };
  }

  function scale(map) {
    const ramp = make("span", {}, "0", make("i", { className: "ramp" }), "1");
    const box = make("p", { className: "scale" }, ramp);
    if (map.gold) box.append(make("span", {}, make("i", { className: "outlined" }), "gold alignment"));
    return box;
  }

  // ---- Groups of examples ----

  function tabs(list) {
    const all = [...list.querySelectorAll("[role=tab]")];
    const choose = (chosen) => {
      for (const tab of all) {
        tab.setAttribute("aria-selected", String(tab === chosen));
        tab.tabIndex = tab === chosen ? 0 : -1;
        document.getElementById(tab.getAttribute("aria-controls")).hidden = tab !== chosen;
      }
    };
    all.forEach((tab) => tab.addEventListener("click", () => choose(tab)));
    list.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = all[(all.indexOf(document.activeElement) + step + all.length) % all.length];
      choose(next);
      next.focus();
    });
    choose(all[0]);
  }

  setTheme(isDark());
  attention();
  document.querySelectorAll("[role=tablist]").forEach(tabs);
})();
