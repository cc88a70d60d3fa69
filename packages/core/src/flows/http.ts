/** A request as core sees it. Adapters make it from their framework's request. */
export interface PlainRequest {
  readonly method: string
  /** The request target exactly as received: path and query, mount path included, nothing decoded. */
  readonly url: string
  /** Node's header object: lower-case names. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  /** The body as text, refused with 413 when it is longer than `maxBytes`. */
  readBody(maxBytes: number): Promise<string>
  /** The framework's own request, for the app's callbacks. */
  readonly native?: unknown
  /** Readies the framework's own request for the app's callbacks: with this `req.oauth`, and the app's own session. */
  ready?(oauth: object): Promise<void>
}

/** An answer of core's. Adapters write it as it is. */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Complete `Set-Cookie` values, in order. */
  readonly setCookies: readonly string[]
  readonly body: string
  /** What becomes of the app's own session: a new id that keeps the allowed keys, or its end. */
  readonly appSession?: 'renew' | 'destroy'
}
