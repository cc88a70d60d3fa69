import { createServer, type RequestListener } from 'node:http'
import type { DemoProvider } from './providers.ts'

/** The port to listen on: `PORT`, else 3000. */
export function portToUse(): number {
  const port = Number(process.env.PORT || 3000)
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port
  console.error(`PORT must be a number from 1 to 65535: PORT=3001 npm run demo`)
  process.exit(1)
}

/** Serves `app` on 127.0.0.1 until Ctrl-C, then lets `close` tidy up. A port in use ends the program with advice. */
export async function listen(app: RequestListener, port: number, close: () => Promise<void>): Promise<void> {
  const server = createServer(app)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  }).catch((error: NodeJS.ErrnoException) => {
    console.error(advice(error, port))
    process.exit(1)
  })
  let stopping = false
  const stop = async (): Promise<void> => {
    // A signal often comes twice: from the terminal and from npm.
    if (stopping) return
    stopping = true
    console.log('stopping …')
    server.close()
    server.closeAllConnections()
    await close()
    process.exit(0)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
}

function advice(error: NodeJS.ErrnoException, port: number): string {
  const other = `choose another port: PORT=${port === 3000 ? 3001 : 3000} npm run demo`
  if (error.code === 'EADDRINUSE') return `Port ${port} is in use. Stop that program, or ${other}`
  if (error.code === 'EACCES') return `Port ${port} needs more rights than you have; ${other}`
  return `The demo cannot listen on port ${port}: ${error.message}`
}

/** Prints what a visitor needs beside Latchkey's own lines; the last one says that the page can be opened. */
export function announce(baseUrl: string, providers: readonly DemoProvider[]): void {
  for (const { preset, emulator } of providers) {
    const about = emulator ? `emulated; sign in as ${emulator.users.join(', ')}` : 'the real one'
    console.log(`${preset.name}: ${about}`)
  }
  if (process.env.REDIS_URL) {
    console.log('REDIS_URL is set, but there is no Redis store yet: everything is kept in memory.')
  }
  console.log(`ready ${baseUrl}`)
}
