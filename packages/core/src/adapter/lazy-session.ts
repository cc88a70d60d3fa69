import { hasAppData } from './app-session-data.ts'

/**
 * The app's own session of one request. The first look at it starts the framework's session library, so that a request
 * which never looks costs nothing, and does not fail where the session cannot be read. The library works on a view of
 * the request: what inherits from it, and has a `session` of its own.
 */
export abstract class LazySession<Session extends object> {
  #state: 'untouched' | 'started' | 'failed' = 'untouched'
  #failure: unknown
  #isLookedAt = false
  #broughtData = false
  readonly #onLateError: () => void

  /** @param onLateError told about what goes wrong once the answer is on its way. */
  constructor(onLateError: () => void) {
    this.#onLateError = onLateError
  }

  /** The id that the request came with or got; also where nothing could be read of it. */
  abstract readonly id: string | undefined
  /** Gives it a new id under which only these keys go on; what stood under the old one is deleted. */
  abstract regenerate(keys: readonly string[]): Promise<void>
  /** Deletes it. */
  abstract destroy(): Promise<void>

  /** What the library has put on its view by now. */
  protected abstract readonly viewed: Session | null | undefined
  /** Starts the library on its view of the request; calls back when the session is read, or could not be. */
  protected abstract begin(done: (error?: unknown) => void): void

  /** True once anything looked at the session or it was loaded. */
  get isStarted(): boolean {
    return this.#state !== 'untouched'
  }

  /** True once it is started and was not found unreadable. */
  protected get isReadable(): boolean {
    return this.#state === 'started'
  }

  /** True when the app looked at the session and there was data in it, or is now. */
  get isShown(): boolean {
    return this.#isLookedAt && (this.#broughtData || hasAppData(this.viewed))
  }

  /** Starts the library; resolves when the session is read, or could not be. Never rejects. */
  load(): Promise<void> {
    return new Promise((resolve) => this.#start(resolve))
  }

  /** Without a look of the app. @throws what reading the store threw. */
  data(): Session | null | undefined {
    if (this.#state === 'failed') throw this.#failure
    // Without a cookie nothing has to be read, and the libraries are done at once.
    if (this.#state === 'untouched') this.#start(() => {})
    return this.viewed
  }

  /** What the app sees. @throws what reading the store threw. */
  look(): Session | null | undefined {
    this.#isLookedAt = true
    return this.data()
  }

  /** To be called before the app puts something of its own on the view. */
  protected override(): void {
    this.#isLookedAt = true
    if (this.#state === 'untouched') this.#state = 'started'
  }

  #start(whenRead: () => void): void {
    this.#state = 'started'
    let isRead = false
    const done = (error?: unknown): void => {
      // express-session calls a second time when it could not save.
      if (isRead) {
        this.#onLateError()
        return
      }
      isRead = true
      if (error !== undefined && error !== null) {
        this.#state = 'failed'
        this.#failure = error
      }
      this.#broughtData = hasAppData(this.viewed)
      whenRead()
    }
    try {
      this.begin(done)
    } catch (error) {
      done(error)
    }
  }
}
