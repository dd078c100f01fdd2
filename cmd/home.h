/* cmd/home.h - the directory that holds a party's key, cluster file and caches */
#ifndef CMD_HOME_H
#define CMD_HOME_H

#include "cmd/cmd.h"
#include "core/cluster.h"
#include "core/ident.h"

enum { HOME_PATH_MAX = 4096 };

/* -C, else $MACHETE_HOME, else /etc/machete for root, else $XDG_CONFIG_HOME/machete, else
 * ~/.config/machete (ARCHITECTURE section 3). False when none is known or it is too long; out is
 * HOME_PATH_MAX bytes. */
bool home_dir(const struct common *c, char *out);

/* HOME/name into out (HOME_PATH_MAX bytes). */
bool home_path(const struct common *c, const char *name, char *out);

/* Load the key (refused when others can read it) and the cluster file. On failure the error is
 * reported, with what to do, and its exit code returned; 0 is success. `kept`: -1, or see below. */
int home_load_key(const struct common *c, struct ident *id);
int home_load_cluster(const struct common *c, int kept, struct cluster *cl);
/* A descriptor to keep, for who gives up the right to read HOME; it stands in for a file that was
 * written over, not for one that was replaced. -1: none. */
int home_open_cluster(const struct common *c);

/* Keep others out for as long as this is open. False: another has it, and does not go within
 * seconds; where nothing can be locked nobody is kept out. */
bool home_lock(int fd);

/* Write text to path by way of a synced temporary file and rename; mode as given. 0 or -errno. */
int home_write_file(const char *path, const char *text, size_t len, unsigned mode);
/* mkdir -p with mode 0700. 0 or -errno. */
int home_make_dir(const char *path);

#endif
