import { describe, expect, it } from 'vitest'
import { digest } from './digest.ts'

describe('digest', () => {
  // Stored records, and the names of keys, hold these: other values would sign everybody out.
  it.each([
    ['session secret', ['secret'], 'AEnbgm_SMewAHe30wLiC4Mg42KHM59auR8xRKsfJSII'],
    ['label', [], 'gC9H0dTE2BDhb-kTGJTRfewSCJuvdhimVg2G7s8Zw0I'],
    ['label', ['', 'é€😀', '\ud800'], 'NmxrpC0WJ9AmRHn6Blo2Wbi9ovfFsHBqGLkC7bWBKrU'],
    ['label', ['x'.repeat(20_000)], 'K9uCYv9yam83hMRC4s7O6FZ1apl-WFLX4K7HtFCU_3k'],
  ])('is for %j and its parts what it has always been', (label, parts, value) => {
    expect(digest(label, ...parts)).toBe(value)
  })

  it('keeps the same text in other parts apart', () => {
    expect(digest('label', 'ab', 'c')).not.toBe(digest('label', 'a', 'bc'))
  })
})
