import { describe, expect, it } from 'vitest'
import type { Clock } from '../clock.ts'
import { storeContract } from './contract.ts'
import { ExpiringMap } from './expiring-map.ts'
import { memoryStore } from './memory-store.ts'

function steppedClock(): Clock & { advance(seconds: number): Promise<void> } {
  let now = 1_000_000
  return {
    now: () => now,
    after: () => () => {},
    advance: async (seconds) => {
      now += seconds
    },
  }
}

describe('memoryStore keeps the store contract', () => {
  for (const check of storeContract) {
    it(check.name, async () => {
      const clock = steppedClock()
      await expect(
        check.run({ store: memoryStore({ clock }), advance: clock.advance }),
      ).resolves.toBeUndefined()
    })
  }
})

describe('ExpiringMap', () => {
  it('drops expired entries nobody asks for', async () => {
    const clock = steppedClock()
    const map = new ExpiringMap<number>(clock)
    for (let index = 0; index < 10_000; index += 1) map.set(`key-${index}`, index, 5)
    await clock.advance(6)
    for (let index = 0; index < 11_000; index += 1) map.set('one', index, 5)
    expect(map.size).toBe(1)
  })
})
