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

describe('memoryStore', () => {
  it('keeps a subject of very many sessions, and joins each in the same time', async () => {
    const clock = steppedClock()
    const { subjects } = memoryStore({ clock })
    const sessions = 200_000
    for (let index = 0; index < sessions; index += 1) {
      await subjects.join('subject', { id: `session-${index}`, expiresAt: clock.now() + 100 + (index % 2) })
    }
    expect(await subjects.count('subject')).toBe(sessions)
    await clock.advance(100)
    expect(await subjects.leave('subject', 'session-1')).toEqual({ left: sessions / 2 - 1 })
    await clock.advance(1)
    expect(await subjects.count('subject')).toBe(0)
  })

  it('keeps a subject as long as its longest session, whichever joined last', async () => {
    const clock = steppedClock()
    const { subjects } = memoryStore({ clock })
    await subjects.join('subject', { id: 'long', expiresAt: clock.now() + 100 })
    await subjects.join('subject', { id: 'short', expiresAt: clock.now() + 2 })
    await clock.advance(50)
    expect(await subjects.count('subject')).toBe(1)
  })
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
