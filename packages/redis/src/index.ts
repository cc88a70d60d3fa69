export { RedisError, type RedisErrorCode, type Remedy } from './errors.ts'
export type { RedisStoreOptions } from './options.ts'
export type { RedisClient } from './own-client.ts'
export { redisStore } from './redis-store.ts'
