import type { Overview } from './overview.ts'

/** What the terminal shows. */
export function overviewText(overviews: readonly Overview[], page: string): string {
  return [...overviews.map(textOf), `All of this, with links: ${page}`, `ready ${page}`].join('\n\n')
}

function textOf({ id, brand, origins, environment, people, preset }: Overview): string {
  const widest = Math.max(...Object.keys(origins).map(({ length }) => length))
  const lines = [
    ...Object.entries(origins).map(([real, here]) => `${real.padEnd(widest)}  ${here}`),
    ...Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    ...people,
    ...preset.split('\n'),
  ]
  return [`${brand.name} (${id})`, ...lines.map((line) => `  ${line}`)].join('\n')
}
