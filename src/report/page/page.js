"use strict";
// Sorting: a heading's button sorts its table, a second press turns the order round.
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const heading = button.closest("th");
    const table = heading.closest("table");
    const column = [...heading.parentNode.children].indexOf(heading);
    const down = heading.getAttribute("aria-sort") === "ascending";
    for (const other of table.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const value = row => row.children[column].dataset.value ?? row.children[column].textContent;
    const compare = (a, b) => {
      const [x, y] = [value(a), value(b)];
      const [p, q] = [Number(x), Number(y)];
      if (x !== "" && y !== "" && !Number.isNaN(p) && !Number.isNaN(q)) return p - q;
      return x.localeCompare(y, undefined, { numeric: true });
    };
    const body = table.tBodies[0];
    const rows = [...body.rows].sort((a, b) => (down ? compare(b, a) : compare(a, b)));
    body.append(...rows);
    if (table.closest("#clips")) search();
  });
}
// Clips: the rows that fit, at most so many at once.
const MOST = 200;
function search() {
  const section = document.getElementById("clips");
  if (!section) return;
  const name = document.getElementById("clip-name").value.trim().toLowerCase();
  const error = document.getElementById("clip-error").value;
  let found = 0;
  const rows = section.querySelectorAll("tbody tr");
  for (const row of rows) {
    const fits = row.children[0].textContent.toLowerCase().includes(name)
      && (error === "" || row.dataset.error === error);
    found += fits;
    row.hidden = !(fits && found <= MOST);
  }
  const shown = found > MOST ? `, the first ${MOST} shown` : "";
  document.getElementById("clip-count").textContent = `${found} of ${rows.length} clips${shown}`;
}
for (const id of ["clip-name", "clip-error"]) {
  for (const event of ["input", "change"]) document.getElementById(id)?.addEventListener(event, search);
}
search();
