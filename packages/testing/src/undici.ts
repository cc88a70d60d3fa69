import { createRequire } from 'node:module'
import type { buildConnector, Agent as UndiciAgent, Pool as UndiciPool } from 'undici'

// `import 'undici'` replaces the global dispatcher, and with it the behaviour of the program's own `fetch`.
// These files of the package do not.
const load = createRequire(import.meta.url)

/** undici's connections to any origin. */
export const Agent: typeof UndiciAgent = load('undici/lib/dispatcher/agent.js')

/** undici's connections to one origin. */
export const Pool: typeof UndiciPool = load('undici/lib/dispatcher/pool.js')

/** undici's way to open a connection. */
export const connect: buildConnector.connector = load('undici/lib/core/connect.js')({})
