import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * Serves `app` on 127.0.0.1 and resolves to the port. It goes on until Ctrl-C, or until the program that started this
 * process says so or ends; then `close` tidies up.
 */
export async function listen(
  app: RequestListener,
  port: number,
  close: () => Promise<void>,
): Promise<number> {
  const server = createServer(app)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  }).catch((error: NodeJS.ErrnoException) => {
    console.error(listenAdvice(error, port))
    process.exit(1)
  })
  let stopping = false
  const stop = async (): Promise<void> => {
    if (stopping) return
    stopping = true
    server.close()
    server.closeAllConnections()
    await close()
    process.exit(0)
  }
  process.on('disconnect', stop)
  process.on('SIGTERM', stop)
  // A terminal sends these to all of its processes, but the one that started this one says when it may end.
  const ofTerminal = process.connected ? () => {} : stop
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, ofTerminal)
  // Whoever started this process was gone before it could be heard.
  if (process.send !== undefined && !process.connected) await stop()
  // A TCP server that listens has an AddressInfo.
  return (server.address() as AddressInfo).port
}

/** What the person at the terminal can do about a port that cannot be had. */
export function listenAdvice(error: NodeJS.ErrnoException, port: number): string {
  const other = `choose another port: PORT=${port === 3000 ? 3001 : 3000} npm run demo`
  if (error.code === 'EADDRINUSE') return `Port ${port} is in use. Stop that program, or ${other}`
  if (error.code === 'EACCES') return `Port ${port} needs more rights than you have; ${other}`
  return `The demo cannot listen on port ${port}: ${error.message}`
}
