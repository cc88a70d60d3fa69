import { signIn as signInForReal } from '@latchkey/cli'
import { emulatorDispatcher } from '../../packages/testing/src/emulator-dispatcher.ts'

/** What an example program gets for '@latchkey/cli' in its tests: the same, but for the providers' hosts. */
export * from '@latchkey/cli'

const dispatcher = emulatorDispatcher(JSON.parse(process.env.EMULATED_ORIGINS ?? '{}'))

export const signIn: typeof signInForReal = (options) => signInForReal({ dispatcher, ...options })
