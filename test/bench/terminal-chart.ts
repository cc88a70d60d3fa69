import type { Chart } from './row.ts'

const width = 44
const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

/** A chart for a terminal: a bar for each median. */
export function barsOf({ title, unit, bars }: Chart): string {
  const longest = Math.max(...bars.map(({ median }) => median))
  const labels = Math.max(...bars.map(({ label }) => label.length))
  const lines = bars.map(({ label, median, note = '' }) => {
    const cells = longest > 0 ? (median / longest) * width : 0
    const bar = '█'.repeat(Math.floor(cells)) + (eighths[Math.floor((cells % 1) * 8)] ?? '')
    return `  ${label.padEnd(labels)}  ${bar.padEnd(width)}  ${median} ${unit}  ${note}`.trimEnd()
  })
  return [title, ...lines].join('\n')
}
