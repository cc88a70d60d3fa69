import { type LatchkeyOptions, type LoginRequest, latchkey as latchkeyForReal } from '@latchkey/express'
import { TestClock } from '@latchkey/testing'
import { emulatorDispatcher } from '../../packages/testing/src/emulator-dispatcher.ts'

/**
 * What an example program gets for '@latchkey/express' in its tests: the same, but for the providers' hosts, which are
 * the emulators of the test, and for the time, which the test moves.
 */
export * from '@latchkey/express'

const clock = new TestClock()
const dispatcher = emulatorDispatcher(JSON.parse(process.env.EMULATED_ORIGINS ?? '{}'))

process.on('message', async ({ advance }: { readonly advance: number }) => {
  await clock.advance(advance)
  process.send?.({ advanced: advance })
})
process.on('disconnect', () => process.exit())
// A program that has come to its end does not wait for the test.
process.channel?.unref()

export const latchkey = <Id extends string>(
  options: LatchkeyOptions<Id, LoginRequest>,
): ReturnType<typeof latchkeyForReal<Id>> => latchkeyForReal({ dispatcher, clock, ...options })
