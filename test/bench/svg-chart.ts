import type { Bar, Chart } from './row.ts'

const width = 760
const left = 170
const right = 150
const barHeight = 22
const step = 34
const head = 44
const colours = { floor: '#8a8f98', latchkey: '#1f6feb', limit: '#c9ced6' } as const
const font = 'font-family="system-ui, sans-serif"'

/** The charts of a row below each other: a bar for each median, a line from minimum to maximum. */
export function svgOf(title: string, charts: readonly Chart[]): string {
  let y = 34
  const parts: string[] = []
  for (const chart of charts) {
    parts.push(chartAt(chart, y))
    y += head + chart.bars.length * step
  }
  const size = `width="${width}" height="${y}" viewBox="0 0 ${width} ${y}"`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img" aria-label="${escaped(title)}">`,
    `<rect width="${width}" height="${y}" fill="#ffffff"/>`,
    `<text x="16" y="24" ${font} font-size="16" font-weight="600" fill="#1f2328">${escaped(title)}</text>`,
    ...parts,
    '</svg>\n',
  ].join('\n')
}

function chartAt({ title, unit, bars }: Chart, y: number): string {
  const longest = Math.max(...bars.map(({ max }) => max)) || 1
  const scale = (width - left - right) / longest
  const lines = bars.map((bar, index) => barAt(bar, unit, scale, y + head + index * step))
  const caption = `${title} (median; the line is minimum to maximum)`
  return [
    `<text x="16" y="${y + 26}" ${font} font-size="12" fill="#57606a">${escaped(caption)}</text>`,
    ...lines,
  ].join('\n')
}

function barAt({ label, min, median, max, kind, note }: Bar, unit: string, scale: number, y: number): string {
  const middle = y + barHeight / 2
  const x = (value: number): string => (left + value * scale).toFixed(1)
  const text = `${median} ${unit}${note === undefined ? '' : `, ${note}`}`
  return [
    `<text x="${left - 10}" y="${middle + 4}" ${font} font-size="13" text-anchor="end" fill="#1f2328">${escaped(label)}</text>`,
    `<rect x="${left}" y="${y}" width="${(median * scale).toFixed(1)}" height="${barHeight}" rx="3" fill="${colours[kind]}"/>`,
    `<path d="M${x(min)} ${middle}H${x(max)}M${x(min)} ${middle - 4}v8M${x(max)} ${middle - 4}v8" stroke="#1f2328" fill="none"/>`,
    `<text x="${Number(x(max)) + 8}" y="${middle + 4}" ${font} font-size="12" fill="#57606a">${escaped(text)}</text>`,
  ].join('\n')
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
