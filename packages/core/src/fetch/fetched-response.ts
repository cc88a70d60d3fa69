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

let Made: ReturnType<typeof makeClass> | undefined

/** The platform's response as its fetch gives it: its constructor leaves open where it came from. */
export function fetchedResponse(body: ReadableStream<Uint8Array> | null, head: ResponseHead): Response {
  Made ??= makeClass()
  return new Made(body, head)
}

// Only made for the first response: the platform loads its own fetch as soon as its Response is looked at, and a program
// that imports Latchkey must find its globals as they were.
function makeClass() {
  class FetchedResponse extends Response {
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
  return FetchedResponse
}

/** RFC 9112 §4. */
function isReasonPhrase(text: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(text)
}
