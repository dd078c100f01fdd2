/* test/sim/viewchange.pml - a model of the view change of tuple/view.c and tuple/choose.c
 *
 * n = 4, f = 1, one slot, three views, two batches. Three replicas are correct (0, 1, 2), the fourth
 * is Byzantine: it counts as voting for everything, its VIEW-CHANGE says whatever helps it, and in
 * the view that it leads every replica may be told something else. Votes are sets that only grow:
 * loss and delay are that somebody has not looked yet. A crash changes nothing, because every promise
 * is synced before it is said. One slot is enough: slots are independent but for their order.
 *
 *	spin -a -DVIEWS=2 test/sim/viewchange.pml && gcc -O2 -DSAFETY -o pan pan.c && ./pan -m100000
 *	three views, the default, are searched with -DHC4 and -w26, in an hour or so
 *	spin -a -DNO_A2 ...                  must find an error; so must -DLOWEST_P and -DFORGET_P
 *
 * Checked: I1 and I9, two batches are never decided, in whatever views. */

#ifndef VIEWS
#define VIEWS 3
#endif
#define FREE 2    /* a choice: no batch */
#define NONE 3
#define BYZ 3     /* a leader: the Byzantine one */

#define AT(v, i) ((v) * 3 + (i))
#define VOTE(v, i, d) (((v) * 3 + (i)) * 2 + (d))

byte leader[VIEWS];

/* Of the correct replicas. P and Q hold view + 1; 0 is none. */
byte view[3];
bool on[3], accepted[3], prepared[3];
byte batch[3];    /* accepted in the current view */
byte p_view[3], p_batch[3], q_view[6];

bool prepare[VIEWS * 3 * 2], commit[VIEWS * 3 * 2];

/* VIEW-CHANGEs of correct replicas, and NEW-VIEWs and proposals of correct leaders. */
bool vc[VIEWS * 3];
byte vc_p_view[VIEWS * 3], vc_p_batch[VIEWS * 3], vc_q0[VIEWS * 3], vc_q1[VIEWS * 3];
byte new_view[VIEWS];  /* NONE: not yet */
byte proposal[VIEWS];  /* NONE: not yet */
bool decided[2];

/* The VIEW-CHANGEs that a NEW-VIEW names: 0..2 correct, 3 Byzantine. */
bool named[4];
byte w_p_view[4], w_p_batch[4], w_q0[4], w_q1[4];
byte choice, best, count, quiet, support, k, m;

inline witnesses(v)
{
	atomic {
		k = 0;
		do
		:: k < 3 ->
			named[k] = vc[AT(v, k)];
			w_p_view[k] = vc_p_view[AT(v, k)];
			w_p_batch[k] = vc_p_batch[AT(v, k)];
			w_q0[k] = vc_q0[AT(v, k)];
			w_q1[k] = vc_q1[AT(v, k)];
			k++
		:: else -> break
		od
	}
	/* Any of them may be left out, and the Byzantine one says anything about views before v. */
	if
	:: named[0] = 0
	:: named[1] = 0
	:: named[2] = 0
	:: skip
	fi;
	if
	:: named[3] = 0
	:: named[3] = 1;
		select(w_p_view_3 : 0 .. VIEWS - 1);
		select(w_p_batch_3 : 0 .. 1);
		select(w_q0_3 : 0 .. VIEWS - 1);
		select(w_q1_3 : 0 .. VIEWS - 1);
		w_p_view[3] = (w_p_view_3 > v -> v : w_p_view_3);
		w_p_batch[3] = w_p_batch_3;
		w_q0[3] = (w_q0_3 > v -> v : w_q0_3);
		w_q1[3] = (w_q1_3 > v -> v : w_q1_3);
	fi
}

/* tuple/choose.c: A1, A2, B over the witnesses; NONE: more VIEW-CHANGEs must come. */
inline choose()
{
	atomic {
		choice = NONE;
		best = 0;
		quiet = 0;
		count = 0;
		k = 0;
		do
		:: k < 4 ->
			count = count + (named[k] -> 1 : 0);
			quiet = quiet + (named[k] && !w_p_view[k] -> 1 : 0);
			k++
		:: else -> break
		od;
		k = 0;
		do
		:: k < 4 && count >= 3 ->
			if
			:: named[k] && w_p_view[k] ->
				agree = 0;
				support = 0;
				m = 0;
				do
				:: m < 4 ->
					agree = agree + (named[m] && (!w_p_view[m] ||
						w_p_view[m] < w_p_view[k] ||
						(w_p_view[m] == w_p_view[k] &&
						 w_p_batch[m] == w_p_batch[k])) -> 1 : 0);
					support = support + (named[m] &&
						((w_p_batch[k] == 0 && w_q0[m] >= w_p_view[k]) ||
						 (w_p_batch[k] == 1 && w_q1[m] >= w_p_view[k]))
						-> 1 : 0);
					m++
				:: else -> break
				od;
#ifdef NO_A2
				support = 2;
#endif
#ifdef LOWEST_P
				agree = 3;
				if
				:: support >= 2 && (!best || w_p_view[k] < best) ->
#else
				if
				:: agree >= 3 && support >= 2 && w_p_view[k] > best ->
#endif
					best = w_p_view[k];
					choice = w_p_batch[k]
				:: else
				fi
			:: else
			fi;
			k++
		:: else -> break
		od;
		if
		:: choice == NONE && count >= 3 && quiet >= 3 -> choice = FREE
		:: else
		fi
	}
}

inline accept(i, d)
{
	accepted[i] = 1;
	batch[i] = d;
	q_view[i * 2 + d] = view[i] + 1;
	prepare[VOTE(view[i], i, d)] = (leader[view[i]] != i)
}

inline enter(i, v, c)
{
	view[i] = v;
	on[i] = 1;
	accepted[i] = 0;
	prepared[i] = 0;
	if
	:: c != FREE -> accept(i, c)
	:: else
	fi
}

inline leave(i, v)
{
	view[i] = v;
	on[i] = 0;
	accepted[i] = 0;
	prepared[i] = 0;
#ifdef FORGET_P
	p_view[i] = 0;
#endif
	vc[AT(v, i)] = 1;
	vc_p_view[AT(v, i)] = p_view[i];
	vc_p_batch[AT(v, i)] = p_batch[i];
	vc_q0[AT(v, i)] = q_view[i * 2];
	vc_q1[AT(v, i)] = q_view[i * 2 + 1];
}

#define votes(v, d) (prepare[VOTE(v, 0, d)] + prepare[VOTE(v, 1, d)] + prepare[VOTE(v, 2, d)] + \
		     (leader[v] == BYZ -> 0 : 1))

inline prepare_step(i)
{
	prepared[i] = 1;
	p_view[i] = view[i] + 1;
	p_batch[i] = batch[i];
	commit[VOTE(view[i], i, batch[i])] = 1;
	count = commit[VOTE(view[i], 0, batch[i])] + commit[VOTE(view[i], 1, batch[i])] +
		commit[VOTE(view[i], 2, batch[i])];
	if
	:: count >= 2 -> decided[batch[i]] = 1 /* with the Byzantine one's COMMIT */
	:: else
	fi
	assert(!(decided[0] && decided[1]))
}

active proctype world()
{
	byte i, v, d, agree;
	byte w_p_view_3, w_p_batch_3, w_q0_3, w_q1_3;

	atomic {
		/* Which view the Byzantine replica leads, if any. */
		v = 0;
		do
		:: v < VIEWS -> leader[v] = v; v++
		:: else -> break
		od;
		select(v : 0 .. VIEWS);
		if
		:: v < VIEWS -> leader[v] = BYZ
		:: else
		fi;
		atomic {
			v = 0;
			do
			:: v < VIEWS -> new_view[v] = NONE; proposal[v] = NONE; v++
			:: else -> break
			od;
			on[0] = 1; on[1] = 1; on[2] = 1
		}
	}
	do
	:: atomic {
		select(i : 0 .. 2);
		if
		/* A correct leader proposes, and accepts its own. */
		:: on[i] && leader[view[i]] == i && !accepted[i] ->
			select(d : 0 .. 1);
			proposal[view[i]] = d;
			accept(i, d)
		/* A backup accepts the proposal of this view: the only one, or what the liar tells it. */
		:: on[i] && !accepted[i] && leader[view[i]] != BYZ && leader[view[i]] != i &&
		   proposal[view[i]] != NONE ->
			accept(i, proposal[view[i]])
		:: on[i] && !accepted[i] && leader[view[i]] == BYZ ->
			select(d : 0 .. 1);
			accept(i, d)
		/* Prepared: the proposal and 2f PREPAREs of backups. */
		:: on[i] && accepted[i] && !prepared[i] && votes(view[i], batch[i]) >= 2 ->
			prepare_step(i)
		/* Leave for a later view. */
		:: view[i] + 1 < VIEWS ->
			if
			:: v = view[i] + 1
			:: v = VIEWS - 1
			fi;
			leave(i, v)
		/* A correct leader makes its NEW-VIEW, once. */
		:: !on[i] && leader[view[i]] == i && new_view[view[i]] == NONE ->
			witnesses(view[i]);
			choose();
			if
			:: choice != NONE ->
				new_view[view[i]] = choice;
				enter(i, view[i], choice)
			:: else
			fi
		/* The others follow: the leader's choice, or one that the liar can prove. */
		:: true ->
			select(v : 1 .. VIEWS - 1);
			if
			:: (v > view[i] || (v == view[i] && !on[i])) && leader[v] != BYZ &&
			   leader[v] != i && new_view[v] != NONE ->
				enter(i, v, new_view[v])
			:: (v > view[i] || (v == view[i] && !on[i])) && leader[v] == BYZ ->
				witnesses(v);
				choose();
				if
				:: choice != NONE -> enter(i, v, choice)
				:: else
				fi
			:: else
			fi
		fi;
		/* Scratch is no part of the state. */
		atomic {
			i = 0; v = 0; d = 0; agree = 0; choice = 0; best = 0; count = 0; quiet = 0;
			support = 0; k = 0; m = 0;
			w_p_view_3 = 0; w_p_batch_3 = 0; w_q0_3 = 0; w_q1_3 = 0;
			do
			:: k < 4 -> named[k] = 0; w_p_view[k] = 0; w_p_batch[k] = 0; w_q0[k] = 0;
				w_q1[k] = 0; k++
			:: else -> k = 0; break
			od
		}
	}
	od
}
