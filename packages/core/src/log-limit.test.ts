import { describe, expect, it } from 'vitest'
import { LogLimit } from './log-limit.ts'

describe('LogLimit', () => {
  it('lets each kind be said once a minute, with how often it came since', () => {
    let now = 1_000
    const limit = new LogLimit(() => now)
    expect([limit.due('a'), limit.due('a'), limit.due('b'), limit.due('a')]).toEqual([
      1,
      undefined,
      1,
      undefined,
    ])
    now += 59.9
    expect(limit.due('a')).toBeUndefined()
    now += 0.1
    expect([limit.due('a'), limit.due('b'), limit.due('a')]).toEqual([4, 1, undefined])
  })

  it('is not silenced by a clock that was set back', () => {
    let now = 1_000
    const limit = new LogLimit(() => now)
    expect(limit.due('a')).toBe(1)
    now = 10
    expect(limit.due('a')).toBe(1)
  })
})
