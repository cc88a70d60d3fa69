import { describe, expect, it } from 'vitest'
import { LruMap } from './lru-map.ts'

function filled(capacity: number, keys: readonly string[]): LruMap<string> {
  const map = new LruMap<string>(capacity)
  for (const key of keys) map.set(key, `value of ${key}`)
  return map
}

const numbered = (count: number): string[] => Array.from({ length: count }, (_, index) => `key-${index}`)

describe('LruMap', () => {
  it('never holds more than its capacity', () => {
    const map = filled(10, [])
    for (const key of numbered(100)) {
      map.set(key, key)
      expect(map.size).toBeLessThanOrEqual(10)
    }
  })

  it('keeps what was used while less than half its capacity of others came', () => {
    const map = filled(10, ['kept', ...numbered(4)])
    for (const key of numbered(100)) {
      expect(map.get('kept')).toBe('value of kept')
      map.set(`other ${key}`, key)
    }
  })

  it('lets go of what was not used for its whole capacity, also where somebody peeked', () => {
    const map = filled(10, ['left', ...numbered(4)])
    expect(map.peek('left')).toBe('value of left')
    for (const key of numbered(10)) map.set(`other ${key}`, key)
    expect([map.get('left'), map.peek('left')]).toEqual([undefined, undefined])
  })

  it('has one value for a key, the last one, whichever generation it is in', () => {
    const map = filled(4, ['a', 'b', 'c'])
    map.set('a', 'new')
    expect([map.get('a'), map.peek('a'), map.size]).toEqual(['new', 'new', 3])
    map.delete('a')
    map.delete('b')
    expect([map.get('a'), map.get('b'), map.size]).toEqual([undefined, undefined, 1])
  })
})
