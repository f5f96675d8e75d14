/** The Worker with everybody and everything in it, opened with the caches that a row wants. */
import { Client } from "../../scripts/client.ts";
import type { Id } from "../../src/store/ids.ts";
import { Inside } from "../inside.ts";
import { People } from "../people.ts";
import { type BenchWorker, Site } from "../worker.ts";
import type { Population } from "./population.ts";
import type { Request } from "./wrk.ts";

/** Feed and profile pages; and what pages are made of: posts, profiles, heads. */
export interface Caches {
	pages: boolean;
	shared: boolean;
}

const ROWS = 2500;

export class Stage {
	readonly population: Population;
	/** Whom the Worker and the baselines trust. */
	publicKey = "";
	readonly #site = new Site({ inside: true });
	#tokens: ReadonlyMap<Id, string> = new Map();

	readonly #direct: boolean;

	/** @param direct past Miniflare's entry */
	constructor(population: Population, direct = false) {
		this.population = population;
		this.#direct = direct;
	}

	/** Brings everybody in. */
	async fill(): Promise<void> {
		const scene = await this.open({ pages: true, shared: true });
		try {
			const people = await People.of(scene.client, scene.worker);
			const { accounts, friendships, follows, posts, comments, likes, viewers, wide, narrow } = this.population;
			const rows = accounts.map(({ language: _, ...account }) => account);
			for (const [kind, all] of Object.entries({ accounts: rows, friendships, follows, posts, comments, likes })) {
				for (let at = 0; at < all.length; at += ROWS) await people.bring(kind, all.slice(at, at + ROWS));
			}
			const readers = [...viewers, ...wide, ...narrow];
			this.#tokens = new Map(await Promise.all(readers.map(async (id) => [id, await people.token(id)] as const)));
			this.publicKey = people.publicKey;
			// Built from the store, as at a first read.
			await scene.inside.warm(readers);
		} finally {
			await scene.worker.close();
		}
	}

	async open(caches: Caches, inspectorPort?: number): Promise<Scene> {
		const on = (value: boolean) => (value ? "on" : "off");
		const worker = await this.#site.open({
			variables: { CACHE_PAGES: on(caches.pages), CACHE_SHARED: on(caches.shared) },
			direct: this.#direct,
			...(inspectorPort === undefined ? {} : { inspectorPort }),
		});
		return new Scene(worker);
	}

	/** The path of the Worker's module. */
	get module(): string {
		return this.#site.module;
	}

	as(viewer: Id, path: string): Request {
		return { path, headers: { authorization: `Bearer ${this.tokenOf(viewer)}` } };
	}

	tokenOf(viewer: Id): string {
		const token = this.#tokens.get(viewer);
		if (token === undefined) throw new Error(`${viewer} does not read`);
		return token;
	}

	erase(): void {
		this.#site.erase();
	}
}

/** A Worker that runs. */
export class Scene {
	readonly worker: BenchWorker;
	readonly client: Client;
	readonly inside: Inside;

	constructor(worker: BenchWorker) {
		this.worker = worker;
		this.client = new Client(worker.url);
		this.inside = new Inside(this.client, worker);
	}

	get url(): string {
		return this.worker.url;
	}

	/** Has the route of a row's ceiling answer with this. @returns its path. */
	async constant(name: string, body: string): Promise<string> {
		const path = `/__bench/constant/${name}`;
		await fetch(`${this.url}${path}`, { method: "PUT", body });
		return path;
	}

	get({ path, headers }: Request): Promise<Response> {
		return fetch(`${this.url}${path}`, { headers });
	}
}
