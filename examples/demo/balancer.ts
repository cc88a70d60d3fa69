import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import { listenAdvice } from './listen.ts'
import { PlainFailure } from './plain-failure.ts'

/** Where a process listens on 127.0.0.1. */
export interface Target {
  readonly number: number
  readonly port: number
}

/** What belongs to one connection between two programs, and is not passed on. */
const hopHeaders = new Set(['connection', 'keep-alive', 'proxy-connection'])
/** Files of a page. They take no turn: a page and its three files would always meet the same one of two processes. */
const pageFile = /\.(css|js|svg)$/

/**
 * The one address before all processes. Requests take turns, and not connections as with `node:cluster`: a browser
 * keeps its connections, and would stay with one process.
 */
export class Balancer {
  readonly #targets: () => readonly Target[]
  readonly #server: Server
  #turn = -1

  /** @param targets the processes that answer at the moment */
  constructor(targets: () => readonly Target[]) {
    this.#targets = targets
    this.#server = createServer((req, res) => this.#pass(req, res))
  }

  /** Listens on 127.0.0.1. @throws {PlainFailure} with advice when the port cannot be had */
  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, '127.0.0.1', resolve)
    }).catch((error: NodeJS.ErrnoException) => {
      throw new PlainFailure(listenAdvice(error, port))
    })
  }

  /** Ends at once. */
  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  #pass(req: IncomingMessage, res: ServerResponse): void {
    const target = this.#next(req.url ?? '/')
    if (target === undefined) {
      refuse(res, 503, 'No process answers at the moment. Reload the page.')
      return
    }
    const { method, url: path } = req
    const options = {
      host: '127.0.0.1',
      port: target.port,
      method,
      path,
      headers: endToEnd(req),
      agent: false,
    } as const
    const passed = request(options, (answer) => {
      const headers = answer.rawHeaders.filter((_, index) => {
        const name = answer.rawHeaders[index - (index % 2)] ?? ''
        return !hopHeaders.has(name.toLowerCase())
      })
      res.writeHead(answer.statusCode ?? 502, headers)
      answer.on('error', () => res.destroy())
      answer.pipe(res)
    })
    passed.on('error', () => {
      if (res.headersSent) return void res.destroy()
      refuse(res, 502, `Process ${target.number} ended before it had answered. Reload the page.`)
    })
    res.on('close', () => passed.destroy())
    req.pipe(passed)
  }

  #next(path: string): Target | undefined {
    const targets = this.#targets()
    if (!pageFile.test(path)) this.#turn += 1
    return targets[Math.max(this.#turn, 0) % targets.length]
  }
}

function endToEnd({ headers }: IncomingMessage): IncomingMessage['headers'] {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !hopHeaders.has(name)))
}

function refuse(res: ServerResponse, status: number, text: string): void {
  if (res.destroyed) return
  res.writeHead(status, { 'content-type': 'text/plain', 'retry-after': '1', 'cache-control': 'no-store' })
  res.end(`${text}\n`)
}
