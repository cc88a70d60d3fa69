import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { startExbo } from '@latchkey/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { GuardedChild } from '../guarded-child.ts'
import { redisIsMissing, startRedis } from '../redis-server.ts'
import type { CallerOutcome, CallerSetup } from './exbo-caller.fixture.ts'

const program = join(import.meta.dirname, 'exbo-caller.fixture.ts')
const cache = join(import.meta.dirname, '../../node_modules/.cache/examples')
const processes = 8
const callsEach = 20

function startCaller(): GuardedChild {
  const child = new GuardedChild(process.execPath, ['--conditions=@latchkey/source', program], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { PATH: process.env.PATH ?? '', NODE_ENV: 'test', NODE_COMPILE_CACHE: cache },
  })
  onTestFinished(() => void child.stop(5_000))
  return child
}

const nextMessage = async ({ child }: GuardedChild): Promise<unknown> => (await once(child, 'message'))[0]

describe.skipIf(redisIsMissing)('EXBO: 8 processes, 1 mint', () => {
  it('shares one application token of all processes on one Redis, however they start', async () => {
    const emulator = await startExbo({ switches: { rateLimit: 100_000 } })
    onTestFinished(() => emulator.close())
    const redis = await startRedis()
    onTestFinished(() => redis.close())
    const setup: CallerSetup = {
      redisUrl: redis.url,
      secret: randomBytes(32).toString('base64url'),
      overrides: emulator.presetOverrides,
      url: `${emulator.apiOrigin}/regions`,
      calls: callsEach,
    }
    const wave = async (): Promise<readonly CallerOutcome[]> => {
      const callers = Array.from({ length: processes }, startCaller)
      await Promise.all(
        callers.map(async (caller) => {
          const isUp = nextMessage(caller)
          caller.child.send(setup)
          expect(await isUp).toBe('up')
        }),
      )
      const outcomes = callers.map(nextMessage)
      for (const { child } of callers) child.send('go')
      return (await Promise.all(outcomes)) as readonly CallerOutcome[] // what the program sends
    }
    // The second wave comes to a cluster that has restarted whole: the token is still there.
    for (const outcomes of [await wave(), await wave()]) {
      expect(outcomes.flatMap(({ failures }) => failures)).toEqual([])
      expect(outcomes.flatMap(({ statuses }) => statuses)).toEqual(Array(processes * callsEach).fill(200))
      expect(outcomes.map(({ rateLimit }) => rateLimit)).toEqual(Array(processes).fill('100000'))
    }
    expect(emulator.as.mints.client_credentials).toBe(1)
  })
})
