import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { LatchkeyError } from '@latchkey/core'
import { equalInConstantTime, pageReply } from '@latchkey/core/terminal'

/** Where and how the answer of the browser is received. */
export interface LoopbackOptions {
  /** The literal that is bound and stands in the redirect URI. @default '127.0.0.1' */
  readonly host?: '127.0.0.1' | '[::1]'
  /** 0: any free one; a number: that one alone; two: the first free one of the range, both ends included. @default 0 */
  readonly port?: number | readonly [from: number, to: number]
  /** Of the redirect URI. @default '/callback' */
  readonly path?: string
  /** What the page says when it worked. Text, not HTML. */
  readonly successText?: string
  /** What the page says when it did not. Text, not HTML. */
  readonly errorText?: string
}

/** What came of an answer, as the browser is told it. */
export type Outcome = 'success' | 'error'

// Imported, it would make Node set its own global dispatcher, whether or not anybody signs in like this.
const http = process.getBuiltinModule('node:http')
const longestRequestMs = 2_000
const lookEveryMs = 500
const mostConnections = 50
const mostHeaderBytes = 16_384

/**
 * Waits on a loopback address for the one redirect that answers a sign-in (RFC 8252 §7.3). Everything else that comes, from
 * other pages of the browser or other programs of the machine, is refused and disturbs nothing.
 */
export class LoopbackReceiver {
  readonly #server: Server
  readonly #host: string
  readonly #path: string
  readonly #texts: Pick<LoopbackOptions, 'successText' | 'errorText'>
  #state = ''
  #deliver: (query: URLSearchParams, told: (outcome: Outcome) => void) => void = () => {}
  #isTaken = false

  /** Use {@link LoopbackReceiver.listen}. */
  constructor({ host = '127.0.0.1', path = '/callback', ...texts }: LoopbackOptions) {
    this.#host = host
    this.#path = path
    this.#texts = texts
    const limits = {
      requestTimeout: longestRequestMs,
      headersTimeout: longestRequestMs,
      // Node's own half a minute would let silent connections take every place for as long.
      connectionsCheckingInterval: lookEveryMs,
      maxHeaderSize: mostHeaderBytes,
    }
    this.#server = http.createServer(limits, (req, res) => this.#answer(req, res))
    this.#server.maxConnections = mostConnections
  }

  /**
   * Begins to listen.
   * @throws {LatchkeyError} `invalid_options`: the port, or every one of the range, is taken.
   */
  static async listen(options: LoopbackOptions): Promise<LoopbackReceiver> {
    const receiver = new LoopbackReceiver(checkedLoopback(options))
    const { port = 0 } = options
    const [from, to] = typeof port === 'number' ? [port, port] : port
    for (let candidate = from; candidate <= to; candidate += 1) {
      if (await receiver.#bind(candidate)) return receiver
    }
    const which = from === to ? `Port ${from}` : `Every port from ${from} to ${to}`
    throw new LatchkeyError(
      'invalid_options',
      `${which} of ${receiver.#host} is taken. Choose another, or 0 for any free one.`,
      {
        reason: 'port',
      },
    )
  }

  /** To be registered at the provider; where it compares ports, with a fixed port. */
  get redirectUri(): string {
    const { port } = this.#server.address() as AddressInfo // it listens on TCP
    return `http://${this.#host}:${port}${this.#path}`
  }

  /**
   * Resolves with the parameters of the answer to this `state`, and how to tell the browser what came of it.
   * @throws whatever `signal` was aborted with.
   */
  receive(
    state: string,
    signal: AbortSignal,
  ): Promise<{ readonly query: URLSearchParams; readonly tell: (outcome: Outcome) => void }> {
    this.#state = state
    return new Promise((resolve, reject) => {
      const stop = (): void => reject(signal.reason)
      if (signal.aborted) return stop()
      signal.addEventListener('abort', stop, { once: true })
      this.#deliver = (query, tell) => {
        signal.removeEventListener('abort', stop)
        resolve({ query, tell })
      }
    })
  }

  /** Stops. A page that is being told what came of it still arrives. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeIdleConnections()
    setTimeout(() => this.#server.closeAllConnections(), 1_000).unref()
    await closed
  }

  async #bind(port: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const fail = (error: NodeJS.ErrnoException): void => {
        if (error.code === 'EADDRINUSE') resolve(false)
        else if (error.code === 'EACCES')
          reject(invalid('port', `must not be ${port}, which this user may not listen at.`))
        else reject(error)
      }
      this.#server.once('error', fail)
      const host = this.#host.replace(/^\[|\]$/g, '')
      this.#server.listen({ host, port, exclusive: true }, () => {
        this.#server.removeListener('error', fail)
        resolve(true)
      })
    })
  }

  #answer(req: IncomingMessage, res: ServerResponse): void {
    const query = this.#queryOf(req)
    if (typeof query === 'number') {
      refuse(res, query)
      return
    }
    this.#isTaken = true
    this.#deliver(query, (outcome) => this.#tell(res, outcome))
  }

  /** The parameters of the one request that is waited for; the status that refuses any other. */
  #queryOf(req: IncomingMessage): URLSearchParams | 400 | 404 | 405 {
    // A page elsewhere can lead a name of its own to this address; the name that it asks by gives it away.
    if (req.headers.host !== new URL(this.redirectUri).host) return 400
    const [path, ...rest] = (req.url ?? '').split('?')
    if (path !== this.#path) return 404
    if (req.method !== 'GET') return 405
    const query = new URLSearchParams(rest.join('?'))
    const isOurs = this.#state !== '' && equalInConstantTime(query.get('state') ?? '', this.#state)
    return isOurs && !this.#isTaken ? query : 400
  }

  #tell(res: ServerResponse, outcome: Outcome): void {
    const { successText, errorText } = this.#texts
    const page =
      outcome === 'success'
        ? {
            status: 200,
            title: 'You are signed in',
            text: successText ?? 'You can close this page and go back to the terminal.',
          }
        : {
            status: 400,
            title: 'The sign-in failed',
            text: errorText ?? 'The terminal says why. You can close this page.',
          }
    const { status, headers, body } = pageReply({ ...page, actions: '' })
    res.writeHead(status, { ...headers, connection: 'close' }).end(body)
  }
}

function refuse(res: ServerResponse, status: 400 | 404 | 405): void {
  const { headers, body } = pageReply({
    status,
    title: 'Nothing to see here',
    text: 'A program on this machine waits for another page.',
    actions: '',
  })
  res.writeHead(status, { ...headers, connection: 'close' }).end(body)
}

/** @throws {LatchkeyError} `invalid_options` that names the option and the fix */
export function checkedLoopback(options: LoopbackOptions): LoopbackOptions {
  const { host = '127.0.0.1', port = 0, path = '/callback' } = options
  if (host !== '127.0.0.1' && host !== '[::1]')
    throw invalid(
      'host',
      `must be '127.0.0.1' or '[::1]': other addresses can be reached from elsewhere, and names can be led elsewhere.`,
    )
  const ports: readonly unknown[] = typeof port === 'number' ? [port, port] : port
  const [from, to] = ports
  const areFine =
    ports.length === 2 &&
    ports.every((one) => Number.isInteger(one) && Number(one) >= 0 && Number(one) <= 65_535)
  if (!areFine || Number(from) > Number(to) || (from !== to && from === 0))
    throw invalid(
      'port',
      'must be a port from 0 to 65535, or two of them: the first and the last of a range.',
    )
  if (!/^\/[\w./~-]*$/.test(path)) throw invalid('path', "must be a plain path, like '/callback'.")
  return { ...options, host, path }
}

function invalid(option: string, fix: string): LatchkeyError {
  return new LatchkeyError('invalid_options', `The option ${option} of loopback ${fix}`, { reason: option })
}
