import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { SecretMarks } from './secret-marks.ts'

/** How `startForeignServer` listens. */
export interface ForeignServerOptions {
  /** @default any free one */
  readonly port?: number
  /** Absent: its own. */
  readonly marks?: SecretMarks
}

/** Starts a server that nothing may ever be sent to; a test then expects `connections` and `bytes` to be 0. */
export async function startForeignServer(options: ForeignServerOptions = {}): Promise<ForeignServer> {
  const server = new ForeignServer(options.marks ?? new SecretMarks())
  await server.listen(options.port)
  return server
}

/** Somebody else's server: records every connection and byte, answers every request with 200. */
export class ForeignServer {
  /** The marks given, or its own. */
  readonly marks: SecretMarks
  readonly #server: Server
  readonly #chunks: Buffer[] = []
  #connections = 0
  #origin = ''

  /** Use `startForeignServer`. */
  constructor(marks: SecretMarks) {
    this.marks = marks
    this.#server = createServer((message, response) => {
      message.resume()
      message.once('end', () => response.end('ok'))
    })
    this.#server.on('connection', (socket: Socket) => {
      this.#connections++
      socket.on('data', (chunk) => this.#chunks.push(Buffer.from(chunk)))
    })
  }

  /** Starts to listen on 127.0.0.1. */
  async listen(port = 0): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, '127.0.0.1', resolve)
    })
    // A TCP server that listens has an AddressInfo; a string is for pipes.
    this.#origin = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** `http://127.0.0.1:<port>`. */
  get origin(): string {
    return this.#origin
  }

  /** Connections so far, silent ones too. */
  get connections(): number {
    return this.#connections
  }

  /** Number of bytes received so far. */
  get bytes(): number {
    return this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  }

  /** Every byte received, in order of arrival. */
  get received(): Uint8Array {
    return Buffer.concat(this.#chunks)
  }

  /** Stops at once. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeAllConnections()
    await closed
  }
}
