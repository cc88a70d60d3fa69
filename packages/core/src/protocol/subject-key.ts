import { digest } from '../crypto/digest.ts'

/**
 * Key of one user at one authorization server and client. Names nobody in clear, and tells whether tokens still belong
 * to the server and client that a provider is configured with: tokens of one are never used at another.
 */
export function subjectKey(client: { identity(): string }, userId: string): string {
  return digest('subject', client.identity(), userId)
}
