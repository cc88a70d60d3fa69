/** Where a response came from, and its head. */
export interface ResponseHead {
  /** Without a fragment. */
  readonly url: string
  readonly status: number
  readonly statusText: string
  readonly headers: Headers
}

/** The greatest status that the platform's constructor takes. Some servers send 999. */
const greatestStatus = 599

/** The platform's response, as its fetch gives it: its constructor leaves open where it came from. */
export class FetchedResponse extends Response {
  readonly #head: ResponseHead

  constructor(body: ReadableStream<Uint8Array> | null, head: ResponseHead) {
    const { headers, status, statusText } = head
    super(body, {
      headers,
      status: Math.min(status, greatestStatus),
      statusText: isReasonPhrase(statusText) ? statusText : '',
    })
    this.#head = head
    if (status > greatestStatus) Object.defineProperty(this, 'status', { value: status })
  }

  // The platform has accessors, which its types call properties; those can be overridden by no accessor of a class.
  static {
    const getter = (get: (this: FetchedResponse) => unknown): PropertyDescriptor => ({
      get,
      configurable: true,
    })
    Object.defineProperties(FetchedResponse.prototype, {
      url: getter(function () {
        return this.#head.url
      }),
      type: getter(() => 'basic'),
      clone: {
        value(this: FetchedResponse): FetchedResponse {
          const { body, headers } = Response.prototype.clone.call(this)
          return new FetchedResponse(body, { ...this.#head, headers })
        },
      },
    })
  }
}

/** RFC 9112 §4. */
function isReasonPhrase(text: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(text)
}
