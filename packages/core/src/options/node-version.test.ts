import { readFileSync } from 'node:fs'
import { expect, it, vi } from 'vitest'
import { oldestNode, warnOfOldNode } from './node-version.ts'

function warnings(version: string) {
  const warn = vi.fn()
  warnOfOldNode(version, { debug: vi.fn(), info: vi.fn(), warn, error: vi.fn() })
  return warn.mock.calls
}

it.each(['22.18.0', '22.9.0', '20.19.5', '8.0.0'])(
  'warns once on Node %s and names the needed one',
  (version) => {
    expect(warnings(version)).toEqual([
      [{ event: 'options.node_version', version }, expect.stringContaining('needs Node 22.19')],
    ])
  },
)

it.each(['22.19.0', '22.100.0', '24.0.0', '100.1.0', '25.0.0-nightly'])(
  'is content with Node %s',
  (version) => {
    expect(warnings(version)).toEqual([])
  },
)

it('names the version that package.json names', () => {
  const manifest: { engines: { node: string } } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  )
  expect(manifest.engines.node).toBe(`>=${oldestNode}`)
})
