import { TestClock, type TimeSource } from './clock.ts'
import { EmulatorServer } from './http/emulator-server.ts'
import type { Faults } from './http/faults.ts'
import { bearerToken, type ReceivedRequest } from './http/received-request.ts'
import { json, type Reply } from './http/reply.ts'
import { SecretMarks } from './secret-marks.ts'

/** How `startResourceServer` decides and answers. */
export interface ResourceServerOptions {
  /** The claims of a token that is good right now, else `undefined`: `(token) => as.introspect(token)`. */
  readonly accepts: (token: string) => object | undefined
  /** The JSON of a good request. @default `{ method, path, claims, bodyBytes }` */
  readonly answer?: (request: ReceivedRequest, claims: object) => unknown
  /** @default any free one */
  readonly port?: number
  /** Stamps the request log. Absent: system time. */
  readonly clock?: TimeSource
  /** Absent: its own. */
  readonly marks?: SecretMarks
}

/** Starts an API on 127.0.0.1 that answers every path and method for the tokens that it accepts. */
export async function startResourceServer(options: ResourceServerOptions): Promise<ResourceServer> {
  const server = new ResourceServer(options)
  await server.listen(options.port)
  return server
}

/** An emulated API: a good token gets 200, any other 401. Its one endpoint is called `resource`. */
export class ResourceServer {
  /** The marks given, or its own. */
  readonly marks: SecretMarks
  readonly #options: ResourceServerOptions
  readonly #server: EmulatorServer<'resource'>

  /** Use `startResourceServer`. */
  constructor(options: ResourceServerOptions) {
    this.#options = options
    this.marks = options.marks ?? new SecretMarks()
    const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']
    this.#server = new EmulatorServer({
      routes: [{ endpoint: 'resource', methods, path: /^/, handle: (request) => this.#answer(request) }],
      clock: options.clock ?? new TestClock(),
    })
  }

  /** Starts to listen. */
  listen(port?: number): Promise<void> {
    return this.#server.listen(port)
  }

  /** `http://127.0.0.1:<port>`. */
  get origin(): string {
    return this.#server.origin
  }

  /** Fault switches of `resource`. */
  get faults(): Faults<'resource'> {
    return this.#server.faults
  }

  /** `calls.resource`: requests so far, refused ones too. */
  get calls(): Readonly<Record<'resource', number>> {
    return this.#server.calls
  }

  /** The last 10,000 requests with headers and body, in order of arrival. */
  get requests(): readonly ReceivedRequest[] {
    return this.#server.requests
  }

  /** Stops at once. */
  close(): Promise<void> {
    return this.#server.close()
  }

  #answer(request: ReceivedRequest): Reply {
    const claims = this.#options.accepts(bearerToken(request) ?? '')
    if (claims === undefined) {
      return json(401, { error: 'invalid_token' }, { 'www-authenticate': 'Bearer error="invalid_token"' })
    }
    const { method, path, body } = request
    return json(
      200,
      this.#options.answer?.(request, claims) ?? { method, path, claims, bodyBytes: body.length },
    )
  }
}
