import { describe, it } from 'vitest'
import { startDevices } from './exbo-devices.fixture.ts'
import { expectNobodyKilled, failing, plain } from './exbo-random.fixture.ts'
import { countOf, countTimeoutMs } from './run-counts.fixture.ts'

describe('case 69: two devices of one user at EXBO, at random', () => {
  it.each([
    ['sign-ins, sign-outs and calls', plain, 1_000],
    ['sign-ins that fail as well', [...plain, ...failing, ...failing], 1_000],
  ] as const)(
    'case 69: %s: nobody is killed, and the vault has the living token',
    async (title, repertoire, full) => {
      const rounds = countOf({ everyday: 60, full })
      const devices = await startDevices({ users: rounds })
      await expectNobodyKilled(devices, `case 69: ${title}`, { rounds, repertoire })
    },
    countTimeoutMs,
  )
})
