import { LatchkeyError } from '../errors.ts'

/**
 * The client of a provider that the app's code named.
 * @throws {LatchkeyError} `invalid_options`: there is none. `as_unavailable`: the app's own lookup failed.
 */
export async function requireClient<Client>(
  providers: { find(id: string): Promise<Client | undefined> },
  id: string,
): Promise<Client> {
  const client = await providers.find(id)
  if (client !== undefined) return client
  const message = `There is no provider ${JSON.stringify(id)}. Add it to the option providers.`
  throw new LatchkeyError('invalid_options', message)
}
