'use strict';
const table = document.getElementById('table');
const bodies = Array.from(table.tBodies);
const words = bodies.map((body) => body.rows[0].textContent.toLowerCase());
const filters = document.getElementById('filters');
const shown = document.getElementById('shown');

function filter() {
  const asked = filters.elements;
  const each = asked.words.value.toLowerCase().split(/\s+/).filter(Boolean);
  const selects = Array.from(filters.querySelectorAll('select')).filter((one) => one.value);
  let count = 0;
  bodies.forEach((body, index) => {
    const fits = each.every((word) => words[index].includes(word))
      && selects.every((one) => body.dataset[one.name] === one.value)
      && !(asked.steady.checked && 'noisy' in body.dataset);
    body.hidden = !fits;
    count += fits;
  });
  shown.textContent = `${count} of ${bodies.length} rows`;
}

function sort(head) {
  const column = head.cellIndex;
  const falls = head.getAttribute('aria-sort') === 'ascending';
  for (const other of head.parentElement.cells) other.removeAttribute('aria-sort');
  head.setAttribute('aria-sort', falls ? 'descending' : 'ascending');
  const key = (body) => body.rows[0].cells[column].dataset.sort;
  const isNumber = head.classList.contains('number');
  const order = (a, b) => {
    const [one, other] = [key(a), key(b)];
    if (one === '' || other === '') return (one === '') - (other === ''); // what is not known comes last
    const less = isNumber ? one - other : one.localeCompare(other, undefined, {numeric: true});
    return falls ? -less : less;
  };
  table.append(...bodies.slice().sort(order));
}

table.tHead.addEventListener('click', (event) => {
  const head = event.target.closest('button')?.closest('th');
  if (head) sort(head);
});
table.addEventListener('click', (event) => {
  const opens = event.target.closest('.opens');
  if (!opens) return;
  const details = document.getElementById(opens.getAttribute('aria-controls'));
  details.hidden = !details.hidden;
  opens.setAttribute('aria-expanded', String(!details.hidden));
});
filters.addEventListener('input', filter);
filters.addEventListener('submit', (event) => event.preventDefault());
document.getElementById('columns').addEventListener('input', (event) => {
  const {value, checked} = event.target;
  for (const row of [table.tHead.rows[0], ...bodies.map((body) => body.rows[0])]) row.cells[value].hidden = !checked;
});

const theme = document.getElementById('theme');
const isDark = () => document.documentElement.classList.contains('dark')
  || (!document.documentElement.classList.contains('light') && matchMedia('(prefers-color-scheme: dark)').matches);
const tell = () => theme.setAttribute('aria-pressed', String(isDark()));
theme.addEventListener('click', () => {
  const becomes = isDark() ? 'light' : 'dark';
  document.documentElement.classList.remove('light', 'dark');
  document.documentElement.classList.add(becomes);
  tell();
});
tell();
