/* test/sim/viewchange.pml - a model of the view change of tuple/view.c and tuple/choose.c
 *
 * n = 4, f = 1, two batches a slot. Three replicas are correct (0, 1, 2), the fourth is Byzantine:
 * it counts as voting for everything, its VIEW-CHANGE says whatever helps it, to each what it likes,
 * and in the view that it leads every replica may be told something else. Votes are sets that only
 * grow: loss and delay are that somebody has not looked yet.
 *
 * The second slot is open to who executed the first, and a checkpoint after the first lets its
 * promises go. A correct replica writes, syncs and only then says, all in one step: a crash before
 * the sync is that the step was not taken, one after it that nobody has looked. A crash at any time
 * sets it back to what it synced last: what it executed since is gone.
 *
 * Checked: I1 and I9, two batches are never decided in one slot, in whatever views, nor prepared in
 * one view; who executed a slot is told another batch for it in views before the one that decided it
 * alone, or by the lying leader of that view; a choice leaves no gap.
 *
 *	test/sim/model.sh [all]      one slot, two views: 121,797 states, a second, in `make test`
 *	spin -a -DSLOTS=2 -DNO_CRASH -DBYZ_LEADS=2 test/sim/viewchange.pml &&
 *		gcc -w -O2 -DSAFETY -DHC4 -o pan pan.c && ./pan -m2000000 -w26
 *	two slots, both leaders correct: 7 million states, a minute. With BYZ_LEADS=0 or 1, the view
 *	that the Byzantine one leads, with crashes, or with VIEWS=3, it is more than a few minutes.
 *
 * It must find FORGET_P, LOWEST_P, NO_SYNC_Q, NO_SYNC_P and NO_SYNC_VIEW, and with two slots
 * IGNORE_H, with three views NO_A2, all given by -D. */

#ifndef VIEWS
#define VIEWS 2
#endif
#ifndef SLOTS
#define SLOTS 1
#endif
#define FREE 2    /* a choice: no batch */
#define NONE 3
#define BYZ 3     /* a leader: the Byzantine one */

#define X(s, i) ((s) * 3 + (i))
#define V(v, s) ((v) * SLOTS + (s))
#define AT(v, s, i) (((v) * SLOTS + (s)) * 3 + (i))
#define VOTE(v, s, i, d) (AT(v, s, i) * 2 + (d))

byte leader[VIEWS];

/* Of the correct replicas. P and Q hold view + 1; 0 is none. */
byte view[3], executed[3], stable[3], chosen[3]; /* slots; chosen: those from the NEW-VIEW */
bool on[3], accepted[SLOTS * 3], prepared[SLOTS * 3];
byte batch[SLOTS * 3]; /* accepted in the current view */
byte p_view[SLOTS * 3], p_batch[SLOTS * 3], q_view[SLOTS * 6];

/* The same as synced last. */
byte d_view[3], d_executed[3], d_stable[3], d_chosen[3];
bool d_on[3], d_accepted[SLOTS * 3], d_prepared[SLOTS * 3];
byte d_batch[SLOTS * 3], d_p_view[SLOTS * 3], d_p_batch[SLOTS * 3], d_q_view[SLOTS * 6];

bool prepare[VIEWS * SLOTS * 6], commit[VIEWS * SLOTS * 6];

/* VIEW-CHANGEs of correct replicas, and NEW-VIEWs and proposals of correct leaders. */
bool vc[VIEWS * 3];
byte vc_h[VIEWS * 3], vc_p_view[VIEWS * SLOTS * 3], vc_p_batch[VIEWS * SLOTS * 3];
byte vc_q[VIEWS * SLOTS * 6];
bool made[VIEWS];
byte new_view[VIEWS * SLOTS], new_h[VIEWS];
byte proposal[VIEWS * SLOTS]; /* NONE: not yet */
byte decided[SLOTS], decided_in[SLOTS]; /* NONE: not yet; the first view */
bool used[SLOTS]; /* batch 0 was accepted by somebody: till then 1 is just another name for it */

/* Scratch: the VIEW-CHANGEs that a NEW-VIEW names, 0..2 correct, 3 Byzantine, and the choice. */
byte named[4];
byte w_h[4], w_p_view[SLOTS * 4], w_p_batch[SLOTS * 4], w_q[SLOTS * 8];
byte choice[SLOTS], base, best, count, quiet, agree, support, k, m, z;
byte wait, ended;

inline witnesses(v)
{
	d_step {
		k = 0;
		do
		:: k < 3 ->
			named[k] = vc[v * 3 + k];
			w_h[k] = vc_h[v * 3 + k];
			z = 0;
			do
			:: z < SLOTS ->
				w_p_view[z * 4 + k] = vc_p_view[AT(v, z, k)];
				w_p_batch[z * 4 + k] = vc_p_batch[AT(v, z, k)];
				w_q[(z * 4 + k) * 2] = vc_q[VOTE(v, z, k, 0)];
				w_q[(z * 4 + k) * 2 + 1] = vc_q[VOTE(v, z, k, 1)];
				z++
			:: else -> break
			od;
			k++
		:: else -> break
		od;
		named[3] = 0;
		w_h[3] = 0
	}
	/* Any of them may be left out, and the Byzantine one says anything about views before v. */
	if
	:: named[0] = 0
	:: named[1] = 0
	:: named[2] = 0
	:: skip
	fi;
	if
	:: skip
	:: named[3] = 1;
		if
		:: skip
		:: SLOTS > 1 && (executed[0] > 0) + (executed[1] > 0) + (executed[2] > 0) >= 2 ->
			w_h[3] = 1
		fi;
		z = 0;
		do
		:: z < SLOTS ->
			select(w : 0 .. v);
			w_p_view[z * 4 + 3] = w;
			select(w : 0 .. 1);
			w_p_batch[z * 4 + 3] = w;
			select(w : 0 .. v);
			w_q[(z * 4 + 3) * 2] = w;
			select(w : 0 .. v);
			w_q[(z * 4 + 3) * 2 + 1] = w;
			z++
		:: else -> break
		od;
		w = 0
	fi
}

/* tuple/choose.c: A1, A2, B over the witnesses; wait: more VIEW-CHANGEs must come. */
inline choose()
{
	d_step {
		base = 0;
		count = 0;
		k = 0;
		do
		:: k < 4 ->
			count = count + (named[k] -> 1 : 0);
			base = (named[k] && w_h[k] > base -> w_h[k] : base);
			k++
		:: else -> break
		od;
#ifdef IGNORE_H
		base = 0;
#endif
		wait = (count < 3);
		ended = 0;
		z = 0;
		do
		:: z < SLOTS ->
			choice[z] = FREE;
			if
			:: z >= base && !wait && !ended -> choose_slot()
			:: else
			fi;
			z++
		:: else -> break
		od;
		z = 0
	}
}

inline choose_slot()
{
	best = 0;
	quiet = 0;
	k = 0;
	do
	:: k < 4 ->
		quiet = quiet + (named[k] && !w_p_view[z * 4 + k] -> 1 : 0);
		if
		:: named[k] && w_p_view[z * 4 + k] ->
			agree = 0;
			support = 0;
			m = 0;
			do
			:: m < 4 ->
				agree = agree + (named[m] && (!w_p_view[z * 4 + m] ||
					w_p_view[z * 4 + m] < w_p_view[z * 4 + k] ||
					(w_p_view[z * 4 + m] == w_p_view[z * 4 + k] &&
					 w_p_batch[z * 4 + m] == w_p_batch[z * 4 + k])) -> 1 : 0);
				support = support + (named[m] &&
					w_q[(z * 4 + m) * 2 + w_p_batch[z * 4 + k]] >=
					w_p_view[z * 4 + k] -> 1 : 0);
				m++
			:: else -> break
			od;
#ifdef NO_A2
			support = 2;
#endif
#ifdef LOWEST_P
			agree = 3;
			if
			:: support >= 2 && (!best || w_p_view[z * 4 + k] < best) ->
#else
			if
			:: agree >= 3 && support >= 2 && w_p_view[z * 4 + k] > best ->
#endif
				best = w_p_view[z * 4 + k];
				choice[z] = w_p_batch[z * 4 + k]
			:: else
			fi
		:: else
		fi;
		k++
	:: else -> break
	od;
	if
	:: choice[z] != FREE
	:: choice[z] == FREE && quiet >= 3 -> ended = 1 /* and all later ones */
	:: choice[z] == FREE && quiet < 3 -> wait = 1
	fi;
}

inline sync(i)
{
	d_view[i] = view[i];
	d_on[i] = on[i];
	d_executed[i] = executed[i];
	d_stable[i] = stable[i];
	d_chosen[i] = chosen[i];
	z = 0;
	do
	:: z < SLOTS ->
		d_accepted[X(z, i)] = accepted[X(z, i)];
		d_prepared[X(z, i)] = prepared[X(z, i)];
		d_batch[X(z, i)] = batch[X(z, i)];
		d_p_view[X(z, i)] = p_view[X(z, i)];
		d_p_batch[X(z, i)] = p_batch[X(z, i)];
		d_q_view[X(z, i) * 2] = q_view[X(z, i) * 2];
		d_q_view[X(z, i) * 2 + 1] = q_view[X(z, i) * 2 + 1];
		z++
	:: else -> break
	od
}

inline crash(i)
{
	view[i] = d_view[i];
	on[i] = d_on[i];
	executed[i] = d_executed[i];
	stable[i] = d_stable[i];
	chosen[i] = d_chosen[i];
	z = 0;
	do
	:: z < SLOTS ->
		accepted[X(z, i)] = d_accepted[X(z, i)];
		prepared[X(z, i)] = d_prepared[X(z, i)];
		batch[X(z, i)] = d_batch[X(z, i)];
		p_view[X(z, i)] = d_p_view[X(z, i)];
		p_batch[X(z, i)] = d_p_batch[X(z, i)];
		q_view[X(z, i) * 2] = d_q_view[X(z, i) * 2];
		q_view[X(z, i) * 2 + 1] = d_q_view[X(z, i) * 2 + 1];
		z++
	:: else -> break
	od
}

inline accept(i, s, d)
{
	accepted[X(s, i)] = 1;
	batch[X(s, i)] = d;
	q_view[X(s, i) * 2 + d] = view[i] + 1;
	used[s] = used[s] || d == 0;
	prepare[VOTE(view[i], s, i, d)] = (leader[view[i]] != i)
}

/* The slots above its own checkpoint that the choice names: voted again, executed or not. A choice
 * that contradicts what it executed is refused. */
inline enter(i, v)
{
	d_step {
		z = 0;
		do
		:: z < SLOTS ->
			if
			:: z >= base && choice[z] != FREE && executed[i] > z &&
			   decided[z] != choice[z] ->
				assert(decided_in[z] > v ||
				       (leader[v] == BYZ && decided_in[z] == v));
				wait = 1
			:: else
			fi;
			z++
		:: else -> break
		od;
		if
		:: !wait ->
			view[i] = v;
			on[i] = 1;
			chosen[i] = base;
			z = 0;
			do
			:: z < SLOTS ->
				accepted[X(z, i)] = 0;
				prepared[X(z, i)] = 0;
				batch[X(z, i)] = 0;
				if
				:: z >= base && choice[z] != FREE ->
					assert(chosen[i] == z);
					chosen[i] = z + 1;
					if
					:: z >= stable[i] -> accept(i, z, choice[z])
					:: else
					fi
				:: else
				fi;
				z++
			:: else -> break
			od;
			sync(i)
		:: else
		fi;
		z = 0
	}
}

inline leave(i, v)
{
	d_step {
		view[i] = v;
		on[i] = 0;
		chosen[i] = 0;
		vc[v * 3 + i] = 1;
		vc_h[v * 3 + i] = stable[i];
		z = 0;
		do
		:: z < SLOTS ->
			accepted[X(z, i)] = 0;
			prepared[X(z, i)] = 0;
			batch[X(z, i)] = 0;
#ifdef FORGET_P
			p_view[X(z, i)] = 0;
#endif
			vc_p_view[AT(v, z, i)] = p_view[X(z, i)];
			vc_p_batch[AT(v, z, i)] = p_batch[X(z, i)];
			vc_q[VOTE(v, z, i, 0)] = q_view[X(z, i) * 2];
			vc_q[VOTE(v, z, i, 1)] = q_view[X(z, i) * 2 + 1];
			z++
		:: else -> break
		od
#ifndef NO_SYNC_VIEW
		;
		sync(i)
#endif
		;
		z = 0
	}
}

#define votes(v, s, d) (prepare[VOTE(v, s, 0, d)] + prepare[VOTE(v, s, 1, d)] + \
			prepare[VOTE(v, s, 2, d)] + (leader[v] == BYZ -> 0 : 1))
#define commits(v, s, d) (commit[VOTE(v, s, 0, d)] + commit[VOTE(v, s, 1, d)] + \
			  commit[VOTE(v, s, 2, d)])

/* With the Byzantine one's COMMIT two are enough. */
inline prepare_step(i, s)
{
	d_step {
		prepared[X(s, i)] = 1;
		p_view[X(s, i)] = view[i] + 1;
		p_batch[X(s, i)] = batch[X(s, i)];
#ifndef NO_SYNC_P
		sync(i);
#endif
		assert(!commits(view[i], s, 1 - batch[X(s, i)]));
		commit[VOTE(view[i], s, i, batch[X(s, i)])] = 1;
		if
		:: commits(view[i], s, batch[X(s, i)]) >= 2 ->
			assert(decided[s] == NONE || decided[s] == batch[X(s, i)]);
			decided_in[s] = (decided[s] == NONE || view[i] < decided_in[s] ->
					 view[i] : decided_in[s]);
			decided[s] = batch[X(s, i)]
		:: else
		fi;
		z = 0
	}
}

/* 2f+1 signed the checkpoint after the first slot, the Byzantine one among them. */
inline checkpoint(i)
{
	d_step {
		stable[i] = 1;
		accepted[X(0, i)] = 0;
		prepared[X(0, i)] = 0;
		batch[X(0, i)] = 0;
		p_view[X(0, i)] = 0;
		p_batch[X(0, i)] = 0;
		q_view[X(0, i) * 2] = 0;
		q_view[X(0, i) * 2 + 1] = 0;
		sync(i);
		z = 0
	}
}

#ifdef NO_SYNC_Q
#define SYNC_Q(i) skip
#else
#define SYNC_Q(i) sync(i)
#endif
#define open(i, s) (on[i] && !accepted[X(s, i)] && executed[i] == s && chosen[i] <= s)

active proctype world()
{
	byte i, s, v, d, w;

	atomic {
		/* Which view the Byzantine replica leads, if any. */
		v = 0;
		do
		:: v < VIEWS -> leader[v] = v; v++
		:: else -> break
		od;
#ifdef BYZ_LEADS
		v = BYZ_LEADS;
#else
		select(v : 0 .. VIEWS);
#endif
		if
		:: v < VIEWS -> leader[v] = BYZ
		:: else
		fi;
		v = 0;
		do
		:: v < VIEWS * SLOTS -> new_view[v] = NONE; proposal[v] = NONE; v++
		:: else -> break
		od;
		s = 0;
		do
		:: s < SLOTS -> decided[s] = NONE; s++
		:: else -> break
		od;
		on[0] = 1; on[1] = 1; on[2] = 1;
		d_on[0] = 1; d_on[1] = 1; d_on[2] = 1;
		v = 0; s = 0
	}
	do
	:: atomic {
		select(i : 0 .. 2);
		select(s : 0 .. SLOTS - 1);
		if
		/* A correct leader proposes, and accepts its own. */
		:: open(i, s) && leader[view[i]] == i && proposal[V(view[i], s)] == NONE ->
			select(d : 0 .. (used[s] -> 1 : 0));
			skip;
			d_step { proposal[V(view[i], s)] = d; accept(i, s, d); SYNC_Q(i); z = 0 }
		/* A backup accepts the proposal of this view: the only one, or what the liar tells it. */
		:: open(i, s) && leader[view[i]] != BYZ && leader[view[i]] != i &&
		   proposal[V(view[i], s)] != NONE ->
			d_step { accept(i, s, proposal[V(view[i], s)]); SYNC_Q(i); z = 0 }
		:: open(i, s) && leader[view[i]] == BYZ ->
			select(d : 0 .. (used[s] -> 1 : 0));
			skip;
			d_step { accept(i, s, d); SYNC_Q(i); z = 0 }
		/* Prepared: the proposal and 2f PREPAREs of backups. */
		:: on[i] && accepted[X(s, i)] && !prepared[X(s, i)] &&
		   votes(view[i], s, batch[X(s, i)]) >= 2 ->
			prepare_step(i, s)
		/* Decided, by COMMITs or by who claims to have executed it. */
		:: executed[i] == s && decided[s] != NONE -> executed[i] = s + 1
		:: SLOTS > 1 && s == 0 && executed[i] > 0 && !stable[i] &&
		   (executed[0] > 0) + (executed[1] > 0) + (executed[2] > 0) >= 2 ->
			checkpoint(i)
#ifndef NO_CRASH
		:: s == 0 -> d_step { crash(i); z = 0 }
#endif
		:: s > 0 -> skip
		/* Leave for a later view. */
		:: s == 0 && view[i] + 1 < VIEWS ->
			if
			:: v = view[i] + 1
			:: v = VIEWS - 1
			fi;
			leave(i, v)
		/* A correct leader makes its NEW-VIEW, once. */
		:: s == 0 && !on[i] && leader[view[i]] == i && !made[view[i]] ->
			witnesses(view[i]);
			choose();
			if
			:: !wait ->
				d_step {
					made[view[i]] = 1;
					new_h[view[i]] = base;
					z = 0;
					do
					:: z < SLOTS -> new_view[V(view[i], z)] = choice[z]; z++
					:: else -> break
					od;
					z = 0
				}
				enter(i, view[i])
			:: else
			fi
		/* The others follow: the leader's choice, or one that the liar can prove. */
		:: s == 0 ->
			select(v : 1 .. VIEWS - 1);
			if
			:: (v > view[i] || (v == view[i] && !on[i])) && leader[v] != BYZ &&
			   leader[v] != i && made[v] ->
				d_step {
					base = new_h[v];
					z = 0;
					do
					:: z < SLOTS -> choice[z] = new_view[V(v, z)]; z++
					:: else -> break
					od;
					z = 0
				}
				enter(i, v)
			:: (v > view[i] || (v == view[i] && !on[i])) && leader[v] == BYZ ->
				witnesses(v);
				choose();
				if
				:: !wait -> enter(i, v)
				:: else
				fi
			:: else
			fi
		fi;
		/* Scratch is no part of the state. */
		d_step {
			i = 0; s = 0; v = 0; d = 0; w = 0; base = 0; best = 0; count = 0; quiet = 0;
			agree = 0; support = 0; wait = 0; ended = 0; m = 0; k = 0;
			do
			:: k < 4 ->
				named[k] = 0;
				w_h[k] = 0;
				z = 0;
				do
				:: z < SLOTS ->
					choice[z] = 0;
					w_p_view[z * 4 + k] = 0;
					w_p_batch[z * 4 + k] = 0;
					w_q[(z * 4 + k) * 2] = 0;
					w_q[(z * 4 + k) * 2 + 1] = 0;
					z++
				:: else -> break
				od;
				k++
			:: else -> break
			od;
			k = 0;
			z = 0
		}
	}
	od
}
