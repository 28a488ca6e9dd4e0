"use strict";
(() => {
  const FEW = 3; // rows that need no sorting
  const PAGE = 50; // videos that are drawn at a time
  const collator = new Intl.Collator("en", { numeric: true });
  const find = (id) => document.getElementById(id);

  // ---- sorting -------------------------------------------------------------------------------

  // What a column sorts by: numbers where all that is filled is one, else text.
  function keysOf(texts) {
    const isNumber = texts.every((text) => text === "" || !Number.isNaN(Number(text)));
    return texts.map((text) => (text === "" ? null : isNumber ? Number(text) : text));
  }

  // Places of the keys in order, empty ones last either way; equal ones stay as they were.
  function orderOf(keys, descending) {
    const compare = (a, b) => (typeof a === "number" ? a - b : collator.compare(a, b)) || 0;
    const sign = descending ? -1 : 1;
    const places = keys.map((_, place) => place);
    const filled = places.filter((place) => keys[place] !== null);
    filled.sort((a, b) => (keys[a] === keys[b] ? 0 : sign * compare(keys[a], keys[b])));
    return filled.concat(places.filter((place) => keys[place] === null));
  }

  // Buttons into the heads of a table's columns. sort(column, descending) does the rest.
  function addSorting(table, sort) {
    const heads = Array.from(table.tHead.rows[0].cells);
    for (const head of heads) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const descending = head.getAttribute("aria-sort") === "ascending";
        for (const other of heads) other.setAttribute("aria-sort", "none");
        head.setAttribute("aria-sort", descending ? "descending" : "ascending");
        sort(head.cellIndex, descending);
      });
    }
  }

  function sortedByCells(table) {
    const body = table.tBodies[0];
    if (body.rows.length <= FEW) return;
    addSorting(table, (column, descending) => {
      const rows = Array.from(body.rows);
      const texts = rows.map((row) => {
        const cell = row.cells[column];
        const text = cell.dataset.value ?? cell.textContent.trim();
        return text === "–" || text === "-" ? "" : text;
      });
      body.append(...orderOf(keysOf(texts), descending).map((place) => rows[place]));
    });
  }

  for (const table of document.querySelectorAll("table.sortable")) sortedByCells(table);

  // ---- all videos ----------------------------------------------------------------------------

  function videosTable(data) {
    const place = Object.fromEntries(data.columns.map((name, number) => [name, number]));
    const table = find("videos-table");
    const controls = {
      rule: find("videos-rule"), text: find("videos-text"), kind: find("videos-class"),
      instrument: find("videos-instrument"), verdict: find("videos-verdict"),
    };
    const words = data.rows.map((row) =>
      ["dataset", "video", "attack", "instrument", "subject"].map((name) => row[place[name]])
        .join("\n").toLowerCase());
    let page = 0, sorted = null, decisions = [];

    function option(select, value, text) {
      const one = document.createElement("option");
      one.value = value;
      one.textContent = text;
      select.append(one);
    }
    data.rules.forEach(([, title], number) => option(controls.rule, String(number), title));
    if (!data.rules.length) option(controls.rule, "", "no threshold");
    const instruments = new Set(data.rows.map((row) => row[place.instrument]).filter(Boolean));
    for (const name of Array.from(instruments).sort(collator.compare))
      option(controls.instrument, `=${name}`, name);

    function decide() {
      const rule = data.rules[Number(controls.rule.value)];
      decisions = data.rows.map((row) => {
        const score = row[place.score];
        if (score === null) return ["no score", "failed"];
        if (!rule || controls.rule.value === "") return ["", ""];
        const live = score >= rule[2];
        return [live ? "live" : "spoof", live === (row[place.live] === 1) ? "right" : "wrong"];
      });
    }

    // The columns as they are drawn; what a score of four digits hides still sorts.
    const of = (name) => (number) => data.rows[number][place[name]];
    const columns = [
      of("dataset"), of("video"), (number) => (of("live")(number) ? "live" : "spoof"),
      of("attack"), of("instrument"), of("subject"), of("frames"), of("failed"), of("score"),
      (number) => decisions[number][0], (number) => decisions[number][1],
    ];
    const VIDEO = 1, SCORE = 8, NUMBERS = [6, 7, 8], DECISION = 9;
    const orders = new Map(); // of columns that no threshold changes

    function order() {
      const numbers = data.rows.map((_, number) => number);
      if (!sorted) return numbers;
      const name = `${sorted.column} ${sorted.descending}`;
      if (orders.has(name)) return orders.get(name);
      const texts = numbers.map((number) => String(columns[sorted.column](number) ?? ""));
      const found = orderOf(keysOf(texts), sorted.descending);
      if (sorted.column < DECISION) orders.set(name, found);
      return found;
    }

    function wanted(number) {
      const row = data.rows[number];
      return (
        words[number].includes(controls.text.value.trim().toLowerCase()) &&
        (controls.kind.value === "" || Number(controls.kind.value) === row[place.live]) &&
        (controls.instrument.value === "" ||
          controls.instrument.value === `=${row[place.instrument]}`) &&
        (controls.verdict.value === "" || controls.verdict.value === decisions[number][1])
      );
    }

    function drawRow(number) {
      const row = document.createElement("tr");
      columns.forEach((valueOf, column) => {
        const value = valueOf(number);
        const cell = row.insertCell();
        if (NUMBERS.includes(column)) cell.className = "n";
        if (column === VIDEO) cell.className = "name";
        if (column > DECISION && value === "wrong") cell.className = "wrong";
        const text = column === VIDEO ? document.createElement("code") : cell;
        if (text !== cell) cell.append(text);
        const isScore = column === SCORE && value !== null;
        text.textContent = isScore ? value.toPrecision(6) : String(value ?? "");
        if (isScore) cell.title = String(value);
      });
      return row;
    }

    let all = [];
    function draw() {
      const pages = Math.max(1, Math.ceil(all.length / PAGE));
      page = Math.min(Math.max(page, 0), pages - 1);
      const shown = all.slice(page * PAGE, (page + 1) * PAGE);
      table.tBodies[0].replaceChildren(...shown.map(drawRow));
      const wrong = all.filter((number) => decisions[number][1] === "wrong").length;
      const failed = all.filter((number) => decisions[number][1] === "failed").length;
      const rule = controls.rule.value === "" ? null : data.rules[Number(controls.rule.value)];
      find("videos-count").textContent =
        `${all.length} of ${data.rows.length} videos; ${wrong} wrong, ${failed} without a score` +
        (rule ? `, at ${rule[1]}` : "") +
        (pages > 1 ? `; here ${page * PAGE + 1} to ${page * PAGE + shown.length}` : "");
      find("videos-page").textContent = `page ${page + 1} of ${pages}`;
      find("videos-before").disabled = page === 0;
      find("videos-after").disabled = page === pages - 1;
    }
    function refresh() {
      page = 0;
      all = order().filter(wanted);
      draw();
    }

    addSorting(table, (column, descending) => {
      sorted = { column, descending };
      refresh();
    });
    controls.rule.addEventListener("change", () => { decide(); refresh(); });
    for (const name of ["kind", "instrument", "verdict"])
      controls[name].addEventListener("change", refresh);
    controls.text.addEventListener("input", refresh);
    find("videos-before").addEventListener("click", () => { page -= 1; draw(); });
    find("videos-after").addEventListener("click", () => { page += 1; draw(); });
    decide();
    refresh();
  }
  videosTable(JSON.parse(find("videos-data").textContent));

  // ---- pictures enlarged ---------------------------------------------------------------------

  const dialog = find("large");
  let group = [], current = 0;

  function show(number) {
    current = (number + group.length) % group.length;
    const button = group[current];
    const figure = button.closest("figure");
    find("large-picture").replaceChildren(...Array.from(button.children, (c) => c.cloneNode(true)));
    find("large-caption").replaceChildren(
      ...Array.from(figure.querySelectorAll("figcaption"), (caption) => {
        const part = document.createElement("div");
        part.append(...Array.from(caption.childNodes, (child) => child.cloneNode(true)));
        return part;
      }));
    find("large-place").textContent = `${current + 1} of ${group.length}`;
    dialog.scrollTop = 0;
  }

  for (const button of document.querySelectorAll("button.enlarge")) {
    button.addEventListener("click", () => {
      group = Array.from(button.closest("section").querySelectorAll("button.enlarge"));
      show(group.indexOf(button));
      dialog.showModal();
    });
  }
  find("large-before").addEventListener("click", () => show(current - 1));
  find("large-after").addEventListener("click", () => show(current + 1));
  find("large-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") show(current - 1);
    else if (event.key === "ArrowRight") show(current + 1);
    else return;
    event.preventDefault();
  });
  dialog.addEventListener("close", () => {
    find("large-picture").replaceChildren();
    group[current]?.focus(); // the last that was looked at
  });

  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
})();
