import type { IncomingMessage, ServerResponse } from 'node:http'
import type { PlainRequest, Reply } from '../flows/http.ts'
import type { AnswerPrivacy } from './guard-shared-caches.ts'
import type { LazySession } from './lazy-session.ts'
import { bodyText } from './request-body.ts'

/** One request and its answer as an adapter translates them, and what one instance of Latchkey knows of them. */
export abstract class Exchange implements PlainRequest, AnswerPrivacy {
  /** The request has its `oauth`. */
  isOpened = false
  /** The `oauth` that this instance made. Another instance's may stand on the framework's request. */
  oauth: object | undefined
  /** The answer depends on who asked, whatever is in the app's session. */
  isPrivate = false
  /** Somebody waits for the head of the answer. */
  isWatched = false
  /** The app's own session, where it is ours. */
  session: LazySession<object> | undefined
  /** Begins that session. Resolves when it is read. */
  beginSession: (() => Promise<void> | undefined) | undefined

  /** The framework's own request. */
  abstract readonly native: Pick<PlainRequest, 'method' | 'headers'>
  /** As the browser sent it, whatever the framework has taken off since. */
  abstract readonly url: string
  abstract readonly rawRequest: IncomingMessage
  abstract readonly rawResponse: ServerResponse
  /** What a body parser made of the body; `undefined` where none was there. */
  abstract readonly parsedBody: unknown
  /** True when nothing of ours would get through any more. */
  abstract readonly isAnswered: boolean
  /** Makes it the `oauth` of the framework's request. */
  protected abstract expose(oauth: object): void
  /** Adds a `Set-Cookie` to the answer. */
  abstract addCookie(setCookie: string): void
  /** Writes a reply as it is. */
  abstract write(reply: Reply): void | Promise<void>

  get method(): string {
    return this.native.method
  }

  get headers(): PlainRequest['headers'] {
    return this.native.headers
  }

  readBody(maxBytes: number): Promise<string> {
    return bodyText(this.rawRequest, this.parsedBody, maxBytes)
  }

  /** From now on this is the `oauth` of the request. */
  attach(oauth: object): void {
    this.oauth = oauth
    this.expose(oauth)
  }

  async ready(oauth: object): Promise<void> {
    this.attach(oauth)
    await this.beginSession?.()
  }
}
