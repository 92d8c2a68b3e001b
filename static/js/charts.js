/* Charts of the tables on the page: <div data-chart="KIND" data-unit data-range data-table="ID">.

   Colours are the tokens' and follow the theme. `Chart` is vendor/chart.js. */
const { Chart } = window;
const BYTES = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
const KINDS = { area: "line", lines: "line", bars: "bar" };
const COLOURS = {
  area: ["--series-1", "--series-2"],
  lines: ["--series-1", "--series-2", "--series-3", "--series-4", "--series-5"],
  bars: ["--series-1", "--warn", "--danger"],
};
const number = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const TICKS = {
  day: new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" }),
  week: new Intl.DateTimeFormat(undefined, { weekday: "short", hour: "2-digit" }),
  month: new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" }),
  year: new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" }),
};

function read(table) {
  const [, ...columns] = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());
  const rows = [...table.tBodies[0].rows];
  return {
    times: rows.map((row) => new Date(row.querySelector("time").dateTime)),
    series: columns.map((label, column) => ({
      label,
      values: rows.map((row) => {
        const { value } = row.cells[column + 1].dataset;
        return value === "" ? null : Number(value);
      }),
    })),
  };
}

/* Bytes are drawn in the unit of the largest, so that the axis has round numbers. */
function unitOf(name, series) {
  if (name !== "bytes") return { label: gettext("Requests"), size: 1, suffix: "", precision: 0 };
  const largest = Math.max(...series.flatMap(({ values }) => values));
  const power = Math.min(Math.floor(Math.log2(Math.max(largest, 1)) / 10), BYTES.length - 1);
  return { label: BYTES[power], size: 1024 ** power, suffix: ` ${BYTES[power]}` };
}

function colour(token) {
  const probe = document.createElement("span");
  probe.style.color = `var(${token})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/* What a theme decides. The area between named and stored is what is saved. */
function paint({ data, options }, kind) {
  const [ink, quiet, line, card] = ["--ink", "--quiet", "--line", "--card"].map(colour);
  data.datasets.forEach((dataset, index) => {
    const own = colour(COLOURS[kind][index]);
    dataset.borderColor = dataset.pointBackgroundColor = own;
    dataset.backgroundColor = kind === "area" ? faint(own, index === 0 ? 0.22 : 0.07) : own;
  });
  for (const axis of Object.values(options.scales)) {
    axis.ticks.color = axis.title.color = quiet;
    axis.grid.color = axis.border.color = line;
  }
  options.plugins.legend.labels.color = quiet;
  const tooltip = { backgroundColor: card, titleColor: ink, bodyColor: ink, borderColor: line };
  Object.assign(options.plugins.tooltip, tooltip);
}

function faint(rgb, opacity) {
  return rgb.replace(/^rgb\((.*)\)$/, `rgba($1, ${opacity})`);
}

function settings(kind, range, unit, { times, series }) {
  const stacked = kind === "bars";
  const few = series.every(({ values }) => values.filter((value) => value !== null).length < 3);
  return {
    type: KINDS[kind],
    data: {
      labels: times.map((time) => TICKS[range].format(time)),
      datasets: series.map(({ label, values }, index) => ({
        label,
        data: values.map((value) => (value === null ? null : value / unit.size)),
        fill: kind === "area" && (index === 0 ? "+1" : "origin"),
        borderWidth: stacked ? 0 : 2,
        borderRadius: stacked ? 2 : 0,
        pointRadius: few ? 3 : 0,
        pointHitRadius: 12,
        maxBarThickness: 28,
      })),
    },
    options: {
      animation: false,
      maintainAspectRatio: false,
      interaction: { mode: "index", intersect: false },
      scales: {
        x: { stacked, grid: { display: false }, border: {}, title: {}, ticks: { maxRotation: 0, autoSkipPadding: 16 } },
        y: {
          stacked,
          beginAtZero: true,
          grid: {},
          border: {},
          title: { display: true, text: unit.label },
          ticks: { maxTicksLimit: 6, precision: unit.precision },
        },
      },
      plugins: {
        colors: { enabled: false },
        legend: { position: "bottom", labels: { boxWidth: 12, boxHeight: 12 } },
        tooltip: {
          borderWidth: 1,
          padding: 10,
          callbacks: {
            title: ([item]) => whole.format(times[item.dataIndex]),
            label: ({ dataset, parsed }) => ` ${dataset.label}: ${number.format(parsed.y)}${unit.suffix}`,
          },
        },
      },
    },
  };
}

/* Returns what paints it anew. */
function draw(place) {
  const { chart: kind, unit: name, range, table } = place.dataset;
  const found = read(document.getElementById(table));
  const wanted = settings(kind, range, unitOf(name, found.series), found);
  const canvas = document.createElement("canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", place.closest("section").querySelector("h2").textContent);
  place.replaceChildren(canvas);
  paint(wanted, kind);
  const chart = new Chart(canvas, wanted);
  return () => {
    paint(chart, kind);
    chart.update("none");
  };
}

const repaint = [...document.querySelectorAll("[data-chart]")].map(draw);
const again = () => repaint.forEach((paintOne) => paintOne());
document.addEventListener("themechange", again);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
