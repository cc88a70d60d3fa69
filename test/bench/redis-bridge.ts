import { Redis } from 'ioredis'

/** The commands that connect-redis uses, on ioredis, so that the floor can be measured on either client. */
export class RedisBridge {
  readonly #redis: Redis

  /** Connects at once. */
  constructor(url: string) {
    this.#redis = new Redis(url)
  }

  get(key: string): Promise<string | null> {
    return this.#redis.get(key)
  }

  set(
    key: string,
    value: string,
    { expiration }: { readonly expiration: { readonly value: number } },
  ): Promise<string> {
    return this.#redis.set(key, value, 'EX', expiration.value)
  }

  expire(key: string, seconds: number): Promise<number> {
    return this.#redis.expire(key, seconds)
  }

  del(keys: readonly string[]): Promise<number> {
    return this.#redis.del(...keys)
  }
}
