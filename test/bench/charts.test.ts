import { describe, expect, it } from 'vitest'
import type { Chart } from './row.ts'
import { svgOf } from './svg-chart.ts'
import { barsOf } from './terminal-chart.ts'

const chart: Chart = {
  title: 'requests per second',
  unit: '/s',
  bars: [
    { label: 'floor', min: 90, median: 100, max: 110, kind: 'floor' },
    { label: 'this & that', min: 190, median: 200, max: 210, kind: 'latchkey', note: '2.00 x' },
  ],
}

describe('a chart', () => {
  it('has bars as long as their medians in a terminal', () => {
    const [title, floor = '', other = ''] = barsOf(chart).split('\n')
    const blocks = (line: string): number => [...line].filter((letter) => letter === '█').length
    expect(title).toBe('requests per second')
    expect(blocks(other)).toBe(2 * blocks(floor))
    expect(other).toMatch(/200 \/s {2}2\.00 x$/)
  })

  it('is well-formed SVG with every label and value', () => {
    const svg = svgOf('A row', [chart])
    expect(svg).toMatch(/^<svg [^>]+>[\s\S]+<\/svg>\n$/)
    expect(svg.match(/<rect [^>]+rx=/g)).toHaveLength(2)
    expect(svg).toContain('this &amp; that')
    expect(svg).toContain('200 /s, 2.00 x')
  })
})
