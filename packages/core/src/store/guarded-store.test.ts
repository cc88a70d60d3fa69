import { TestClock } from '@latchkey/testing'
import { describe, expect, it } from 'vitest'
import { LatchkeyError } from '../errors.ts'
import { RecordingLog, startAt } from '../session/session.fixture.ts'
import { guardedStore } from './guarded-store.ts'
import { memoryStore } from './memory-store.ts'

const unreachable = new Error('redis://user:password@host refused lk:{locator}:s')

function fixture(failure: () => unknown) {
  const clock = new TestClock({ frozen: true, startAt })
  const log = new RecordingLog()
  const inner = memoryStore({ clock })
  const peek = async (): Promise<never> => {
    throw failure()
  }
  return { clock, log, store: guardedStore({ ...inner, sessions: { ...inner.sessions, peek } }, clock, log) }
}

describe('guardedStore', () => {
  it('turns every failure into store_unavailable and logs what failed, not what the error says', async () => {
    const { store, log } = fixture(() => unreachable)
    await expect(store.sessions.peek('locator')).rejects.toMatchObject({ code: 'store_unavailable' })
    expect(log.lines).toEqual([
      {
        level: 'error',
        fields: { event: 'store.failed', operation: 'sessions.peek', cause: 'Error', times: 1 },
        message: 'The store failed.',
      },
    ])
  })

  it('says a failure that goes on once a minute, and another one at once', async () => {
    let failure: unknown = unreachable
    const { store, clock, log } = fixture(() => failure)
    const fail = (): Promise<unknown> => store.sessions.peek('locator').catch(() => {})
    for (let request = 0; request < 1_000; request += 1) await fail()
    failure = new TypeError('another one')
    await fail()
    failure = unreachable
    await clock.advance(60)
    await fail()
    expect(log.about('store.failed').map(({ cause, times }) => [cause, times])).toEqual([
      ['Error', 1],
      ['TypeError', 1],
      ['Error', 1_000],
    ])
  })

  it('hands an error of ours on, and logs nothing', async () => {
    const ours = new LatchkeyError('store_unavailable', 'It is away.', { reason: 'closing' })
    const { store, log } = fixture(() => ours)
    await expect(store.sessions.peek('locator')).rejects.toBe(ours)
    expect(log.lines).toEqual([])
  })
})
