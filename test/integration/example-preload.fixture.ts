import { subscribe } from 'node:diagnostics_channel'
import { registerHooks } from 'node:module'
import type { AddressInfo, Server } from 'node:net'

/** Loaded into the process of an example before the program, which so stays what its reader runs. */
const emulated: Readonly<Record<string, string>> = {
  '@latchkey/express': new URL('./emulated-express.fixture.ts', import.meta.url).href,
  '@latchkey/cli': new URL('./emulated-cli.fixture.ts', import.meta.url).href,
}

registerHooks({
  resolve(specifier, context, next) {
    const url = emulated[specifier]
    const isExample = url !== undefined && context.parentURL !== url
    return isExample ? { url, shortCircuit: true } : next(specifier, context)
  },
})

subscribe('tracing:net.server.listen:asyncEnd', (message) => {
  const { server } = message as { readonly server: Server } // what Node publishes there
  const { port } = server.address() as AddressInfo // the examples listen on a port, not on a path
  process.send?.({ listening: port })
})
